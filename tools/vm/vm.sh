#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright The Quicksilver authors
#
# Runs a command in an emulated machine that has what the kernel at hand may lack: RDMA devices (soft-RoCE), netem, and
# hosts of its own; vm.sh --help says how, docs/vm.md more. It boots a kernel of this system on the root of this system;
# init.sh is its first program, guest.sh its second, and build-vm/ holds what is made for it.
set -u
path=$PATH
PATH=$PATH:/usr/sbin:/sbin
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
checkout=$(cd "$here/../.." && pwd)
work=$checkout/build-vm

hosts=2
memory=2048
cpus=
timeout=600
share=$work/share
folder=$PWD
console=
accel=
environment=()
boot_limit=180

modules=(virtio_pci virtio_console 9pnet_virtio 9p overlay virtio_rng veth bridge sch_netem
    rdma_rxe ib_uverbs rdma_ucm)

say()
{
    printf 'vm: %s\n' "$*" >&2
}

die()
{
    say "$*"
    exit 125
}

skip()
{
    say "skipped: $*"
    exit 77
}

usage()
{
    cat <<'TEXT'
usage: ./run vm [OPTIONS] [--] COMMAND [ARGUMENTS]

  --timeout S        end the command after so many seconds (default 600)
  --hosts N          virtual hosts h0, h1, ... (default 2)
  --memory MB        of the machine (default 2048), half of it for files that are written
  --cpus N           (default: as many as here, 4 at most)
  --share DIR        what is written there stays (default build-vm/share; $QS_VM_SHARE in the machine)
  --folder DIR       where the command starts, inside the checkout (default: here)
  --env NAME[=VALUE] a variable for the command, besides those of build, tests and libfabric
  --console FILE     keep what the kernel says
  --accel kvm|tcg    do not find out whether KVM works
  --check            only find out whether there can be a machine here: 0 or 77

The status is the command's; 124: its time was over; 125: the machine did not do its part; 77: there cannot be one here.
In the last three cases a line on stderr, "vm: ...", tells why.
TEXT
}

# number OPTION VALUE LEAST MOST
number()
{
    if ! [[ $2 =~ ^[0-9]{1,7}$ ]] || (($2 < $3 || $2 > $4)); then
        die "$1 takes a number from $3 to $4, not '$2'"
    fi
}

options()
{
    while [[ $# -gt 0 ]]; do
        case $1 in
        --) shift && break ;;
        --hosts | --memory | --cpus | --timeout | --share | --folder | --env | --console | --accel)
            [[ $# -ge 2 ]] || die "$1 needs a value"
            option "$1" "$2"
            shift 2
            ;;
        -h | --help) usage && exit 0 ;;
        --check) find_tools && find_kernel && exit 0 ;;
        -*) die "no option $1, see ./run vm --help" ;;
        *) break ;;
        esac
    done
    [[ $# -gt 0 ]] || die "no command, see ./run vm --help"
    command=("$@")
}

option()
{
    case $1 in
    --hosts) number "$1" "$2" 0 64 && hosts=$2 ;;
    --memory) number "$1" "$2" 256 1048576 && memory=$2 ;;
    --cpus) number "$1" "$2" 1 64 && cpus=$2 ;;
    --timeout) number "$1" "$2" 1 604800 && timeout=$2 ;;
    --share) share=$2 ;;
    --folder) folder=$2 ;;
    --env)
        [[ $2 =~ ^[A-Za-z_][A-Za-z_0-9]*(=|$) ]] || die "--env takes NAME or NAME=VALUE, not '$2'"
        environment+=("$2")
        ;;
    --console) console=$2 ;;
    --accel)
        [[ $2 == kvm || $2 == tcg ]] || die "--accel takes kvm or tcg, not '$2'"
        accel=$2
        ;;
    esac
}

# --- what is there ------------------------------------------------------------------------------------------------

# The newest of the installed kernels whose modules are there.
find_kernel()
{
    local image found=

    while read -r image; do
        [[ -d /lib/modules/${image#/boot/vmlinuz-} ]] || continue
        found=$image
        [[ -r $image ]] && kernel=$image && version=${image#/boot/vmlinuz-} && return 0
    done < <(printf '%s\n' /boot/vmlinuz-* | sort -rV)
    [[ -z $found ]] || skip "$found cannot be read by $(id -un): be root, or chmod it"
    skip "no kernel in /boot with modules in /lib/modules (package linux-image-amd64)"
}

find_tools()
{
    local tool left

    [[ $(uname -m) == x86_64 ]] || skip "this is written for x86-64, not $(uname -m)"
    for tool in qemu-system-x86_64:qemu-system-x86 busybox:busybox-static modprobe:kmod ip:iproute2 rdma:iproute2 \
        setpriv:util-linux; do
        command -v "${tool%:*}" >/dev/null || skip "no ${tool%:*} (package ${tool#*:})"
    done
    # A busybox with libraries cannot be the first program.
    if ldd "$(command -v busybox)" 2>/dev/null | grep -q '=>'; then
        skip "busybox needs libraries (package busybox-static)"
    fi
    left=$(awk '$1 == "MemAvailable:" { print int($2 / 1024) }' /proc/meminfo)
    if ((left < memory + 128)); then
        skip "not enough memory: $left MB are left, the machine is to have $memory (--memory)"
    fi
    [[ -n $cpus ]] || cpus=$(($(nproc) > 4 ? 4 : $(nproc)))
}

# --- what is made once --------------------------------------------------------------------------------------------

# The kernel as an ELF file starts in a second where the image of the distribution unpacks itself for ten, emulated.
# Without the packer's tool the image is taken as it is.
unpack_kernel()
{
    local pair offset

    for pair in 'xz:\xfd7zXZ\x00' 'zstd:\x28\xb5\x2f\xfd' 'gzip:\x1f\x8b\x08'; do
        command -v "${pair%%:*}" >/dev/null || continue
        while read -r offset; do
            { tail -c +$((offset + 1)) "$kernel" | "${pair%%:*}" -dc >"$1"; } 2>/dev/null
            [[ $(head -c 4 "$1" | tail -c 3) != ELF ]] || return 0
        done < <(LC_ALL=C grep -abouP -- "${pair#*:}" "$kernel" 2>/dev/null | cut -d: -f1 | head -n 4)
    done
    cp "$kernel" "$1"
}

# Modules with what they depend on, in order.
module_files()
{
    local module

    set -o pipefail
    for module in "${modules[@]}"; do
        modprobe -S "$version" --show-depends "$module" || return 1
    done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }'
}

# copy_module FILE FOLDER: prints its name there.
copy_module()
{
    local name=${1##*/}

    case $name in
    *.xz) name=${name%.xz} && xz -dc "$1" >"$2/$name" ;;
    *.zst) name=${name%.zst} && zstd -qdc "$1" >"$2/$name" ;;
    *.gz) name=${name%.gz} && gzip -dc "$1" >"$2/$name" ;;
    *) cp "$1" "$2/$name" ;;
    esac && printf '%s\n' "$name"
}

make_initramfs()
{
    local root=$1/root file applet

    mkdir -p "$root"/{bin,dev,proc,sys,lower,upper,root,kept,modules}
    cp "$(command -v busybox)" "$root/bin/busybox"
    for applet in sh mount umount mkdir ln insmod sleep switch_root; do
        ln -s busybox "$root/bin/$applet"
    done
    install -m 755 "$here/init.sh" "$root/init"
    while read -r file; do
        copy_module "$file" "$root/modules" || return 1
    done <"$1/files" >"$root/modules/order"
    (cd "$root" && find . | busybox cpio -o -H newc 2>/dev/null) >"$1/initramfs"
}

# A new one whenever what it is made of has changed; made beside and renamed, as several may do so at once.
prepare()
{
    local key

    key=$version-$({ cat "$here/init.sh" "$here/vm.sh" && stat -c %Y "$kernel" "$(command -v busybox)" \
        "/lib/modules/$version/modules.dep"; } | cksum | cut -d' ' -f1)
    image=$work/image-$key
    [[ ! -f $image/initramfs ]] || return 0
    new=$(mktemp -d "$work/new.XXXXXX") || exit 125
    if ! (module_files) >"$new/files" 2>"$new/complaints"; then
        skip "$(tail -n 1 "$new/complaints") (Ubuntu: package linux-modules-extra-$version)"
    fi
    if ! unpack_kernel "$new/kernel" || ! make_initramfs "$new"; then
        die "cannot make the initramfs"
    fi
    rm -rf "$new/root" "$work"/image-*
    mv -T "$new" "$image" 2>/dev/null || rm -rf "$new"
}

# KVM may be there and not work: it does when a kernel says a word with it. Asked once for a machine and its qemu.
find_accel()
{
    local cache key

    [[ -z $accel ]] || return 0
    accel=tcg
    [[ -r /dev/kvm && -w /dev/kvm ]] || return 0
    key=$({ uname -r && qemu-system-x86_64 --version && grep -m1 'model name' /proc/cpuinfo; } | cksum | cut -d' ' -f1)
    cache=$work/accel-$key
    if [[ ! -s $cache ]]; then
        if timeout -s KILL 6 qemu-system-x86_64 "${machine[@]}" -accel kvm -cpu host -m 256 -serial stdio -monitor none \
            -kernel "$image/kernel" -append 'console=ttyS0 earlyprintk=serial panic=-1' </dev/null 2>/dev/null |
            LC_ALL=C grep -aqm1 'Linux version'; then
            accel=kvm
        fi
        echo "$accel" >"$cache"
    fi
    accel=$(<"$cache")
}

# --- a run --------------------------------------------------------------------------------------------------------

# What the end of this script puts an end to.
qemu=
pumps=()
run=
new=

machine=(-M "pc,usb=off" -nodefaults -display none -no-reboot -nic none)

# The caller's environment, as far as it may matter to what is built here.
job_environment()
{
    local name

    printf 'export PATH=%q\n' "$path"
    for name in HOME USER LOGNAME SHELL LANG TZ TERM PYTHONPATH; do
        [[ ! -v $name ]] || printf 'export %s=%q\n' "$name" "${!name}"
    done
    for name in $(compgen -e | grep -E '^(LC_|QS_|FI_|HG_|NA_|MESON_|MALLOC_|(A|L|T|UB)SAN_OPTIONS$)'); do
        printf 'export %s=%q\n' "$name" "${!name}"
    done
    for name in "${environment[@]}"; do
        if [[ $name == *=* ]]; then
            printf 'export %s=%q\n' "${name%%=*}" "${name#*=}"
        else
            [[ ! -v $name ]] || printf 'export %s=%q\n' "$name" "${!name}"
        fi
    done
}

write_job()
{
    local word

    cp "$here/guest.sh" "$run/guest.sh"
    {
        printf 'vm_hosts=%q\nvm_share=%q\nvm_checkout=%q\n' "$hosts" "$share" "$checkout"
    } >"$run/settings"
    {
        # shellcheck disable=SC2016 # expanded there
        printf 'guest_path=$PATH\nguest=$(export -p | grep " QS_VM")\n'
        job_environment
        # shellcheck disable=SC2016 # expanded there
        printf 'eval "$guest"\nPATH=/run/vm/bin:$PATH:$guest_path\nunset guest guest_path\n'
        printf 'cd %q || exit 125\nexec' "$folder"
        for word in "${command[@]}"; do
            printf ' %q' "$word"
        done
        printf '\n'
    } >"$run/job"
}

# shellcheck disable=SC2317 # called by traps
end_run()
{
    trap '' INT TERM HUP PIPE
    if [[ -n $qemu ]]; then
        kill -KILL "$qemu" 2>/dev/null
        # The others end when they have passed on everything.
        wait "$qemu" "${pumps[@]}" 2>/dev/null
    fi
    [[ -z $run ]] || rm -rf "$run"
    [[ -z $new ]] || rm -rf "$new"
}

# Ends by the signal itself, so that a shell above knows.
# shellcheck disable=SC2317
end_by_signal()
{
    end_run
    trap - "$1" EXIT
    kill -"$1" $$
}

# Its output is gone: there is nobody to work for.
pump()
{
    cat || kill -PIPE "$1"
}

start()
{
    local cpu=max kernel_line

    [[ $accel == tcg ]] || cpu=host
    [[ $accel == kvm ]] || accel=tcg,thread=multi
    kernel_line="console=ttyS0 quiet panic=-1 oops=panic nowatchdog mitigations=off tsc=reliable no_timer_check"
    kernel_line+=" random.trust_cpu=on QS_VM_JOB=\"$run\""
    set -- "${machine[@]}" -accel "$accel" -cpu "$cpu" -smp "$cpus" -m "$memory" \
        -kernel "$image/kernel" -initrd "$image/initramfs" -append "$kernel_line" \
        -chardev file,id=console,path="${run//,/,,}/console" -serial chardev:console \
        -device virtio-rng-pci -device virtio-serial-pci \
        -chardev file,id=control,path=/proc/self/fd/5 -device virtserialport,chardev=control,name=qs.control \
        -chardev file,id=out,path=/proc/self/fd/3 -device virtserialport,chardev=out,name=qs.out \
        -chardev file,id=err,path=/proc/self/fd/4 -device virtserialport,chardev=err,name=qs.err \
        -virtfs local,path=/,mount_tag=qsroot,security_model=none,readonly=on,multidevs=remap \
        -virtfs "local,path=${share//,/,,},mount_tag=qsshare,security_model=none,multidevs=remap"
    mkfifo "$run/out" "$run/err" "$run/control" || die "cannot make pipes in $run"
    exec 6<>"$run/control"
    pump $$ <"$run/out" 6<&- &
    pumps=($!)
    pump $$ <"$run/err" >&2 6<&- &
    pumps+=($!)
    # It dies with this shell, whatever becomes of that.
    setpriv --pdeathsig KILL qemu-system-x86_64 "$@" </dev/null 3>"$run/out" 4>"$run/err" 5>"$run/control" \
        >"$run/complaints" 2>&1 6<&- &
    qemu=$!
}

# The end of what the kernel said, for a run that has gone wrong.
show_console()
{
    {
        cat "$run/complaints"
        tr -d '\r' <"$run/console" | tail -n 40
    } 2>/dev/null | sed 's/^/vm:   /' >&2
}

# Sets `word` to the next line of the machine; fails with 1 when the time is over, and with 2 when the machine has ended.
next_word()
{
    local part

    word=
    while ((SECONDS < deadline)); do
        # Short, so that the end of the machine is seen soon; part of a line may have come by then.
        if read -r -t 0.5 -u 6 part; then
            word+=$part
            return 0
        fi
        word+=$part
        kill -0 "$qemu" 2>/dev/null || return 2
    done
    return 1
}

await_boot()
{
    local word rc=0

    deadline=$((SECONDS + boot_limit))
    next_word || rc=$?
    [[ $rc != 0 || $word != "ready "* ]] || return 0
    show_console
    [[ $rc != 1 ]] || die "the machine did not come up within $boot_limit s: above, its last words"
    die "the machine ended before it was up: above, its last words"
}

await_command()
{
    local word rc=0

    deadline=$((SECONDS + timeout))
    next_word || rc=$?
    status=125
    if [[ $rc == 0 && $word =~ ^exit\ ([0-9]+)$ ]]; then
        status=${BASH_REMATCH[1]}
    elif [[ $rc == 1 ]]; then
        say "the time of $timeout s is over (--timeout)"
        status=124
    else
        show_console
        say "the machine ended before the command: above, its last words"
    fi
}

sweep()
{
    local old

    for old in "$work"/run.*; do
        [[ -d $old && ! -d /proc/${old##*.} ]] && rm -rf "$old"
    done
}

# In a function, so that the script is read before it runs and may change meanwhile.
main()
{
    local signal

    options "$@"
    find_tools
    find_kernel
    [[ $folder/ == "$checkout"/* ]] || folder=$checkout
    mkdir -p "$work" "$share" || die "cannot make $share"
    share=$(cd "$share" && pwd)
    trap end_run EXIT
    for signal in INT TERM HUP PIPE; do
        # shellcheck disable=SC2064 # expanded now
        trap "end_by_signal $signal" "$signal"
    done
    prepare
    find_accel
    sweep
    run=$work/run.$$
    (umask 077 && mkdir "$run") || die "cannot make $run"
    write_job
    start
    await_boot
    await_command
    [[ -z $console ]] || cp "$run/console" "$console"
    exit "$status"
}

main "$@"
