#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright The Quicksilver authors
#
# Runs a command in an emulated machine that has what the kernel at hand may lack: RDMA devices (soft-RoCE), netem, and
# hosts of its own. docs/vm.md tells more.
#
#   vm.sh [--hosts N] [--memory MB] [--cpus N] [--timeout S] [--share DIR] [--env NAME[=VALUE]]... [--console FILE]
#         [--accel kvm|tcg] [--] COMMAND [ARGUMENTS]
#
# The status is the command's; 124 when the time was over, 125 when the machine did not do its part, 77 where there
# cannot be one, which the last line of stderr explains ("vm: skipped: ...").
set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
checkout=$(cd "$here/../.." && pwd)
work=$checkout/build-vm

hosts=2
memory=2048
cpus=
timeout=600
share=$work/share
console=
accel=
environment=()
boot_limit=120

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
    sed -n '7,11s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
    exit 125
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
        --hosts | --memory | --cpus | --timeout | --share | --env | --console | --accel)
            [[ $# -ge 2 ]] || die "$1 needs a value"
            option "$1" "$2"
            shift 2
            ;;
        -*) say "no option $1" && usage ;;
        *) break ;;
        esac
    done
    [[ $# -gt 0 ]] || usage
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
    --env) environment+=("$2") ;;
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
    for tool in qemu-system-x86_64:qemu-system-x86 busybox:busybox-static modprobe:kmod ip:iproute2 rdma:iproute2; do
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
            tail -c +$((offset + 1)) "$kernel" | "${pair%%:*}" -dc >"$1" 2>/dev/null
            [[ $(head -c 4 "$1" | tail -c 3) != ELF ]] || return 0
        done < <(LC_ALL=C grep -abouP -- "${pair#*:}" "$kernel" 2>/dev/null | cut -d: -f1 | head -n 4)
    done
    cp "$kernel" "$1"
}

# Modules with what they depend on, in order.
module_files()
{
    local module

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

    mkdir -p "$root"/{bin,dev,proc,sys,lower,upper,root,modules}
    cp "$(command -v busybox)" "$root/bin/busybox"
    for applet in sh mount mkdir insmod sleep switch_root; do
        ln -s busybox "$root/bin/$applet"
    done
    install -m 755 "$here/init.sh" "$root/init"
    module_files >"$1/files" || return 1
    while read -r file; do
        copy_module "$file" "$root/modules" || return 1
    done <"$1/files" >"$root/modules/order"
    (cd "$root" && find . | busybox cpio -o -H newc 2>/dev/null) >"$1/initramfs"
}

# A new one whenever what it is made of has changed; made beside and renamed, as several may do so at once.
prepare()
{
    local key new

    key=$version-$({ cat "$here/init.sh" "$here/vm.sh" && stat -c %Y "$kernel" "$(command -v busybox)" \
        "/lib/modules/$version/modules.dep"; } | cksum | cut -d' ' -f1)
    image=$work/image-$key
    [[ ! -f $image/initramfs ]] || return 0
    new=$(mktemp -d "$work/new.XXXXXX") || exit 125
    if ! unpack_kernel "$new/kernel" || ! make_initramfs "$new"; then
        rm -rf "$new"
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

machine=(-M "pc,usb=off" -nodefaults -display none -no-reboot -nic none)

# The caller's environment, as far as it may matter to what is built here.
job_environment()
{
    local name

    for name in PATH HOME USER LOGNAME SHELL LANG TZ TERM PYTHONPATH; do
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
        printf 'cd %q || exit 125\nexec' "$PWD"
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
    if [[ -n ${qemu:-} ]]; then
        kill -KILL "$qemu" 2>/dev/null
        wait "$qemu" 2>/dev/null
    fi
    wait
    [[ -z ${run:-} ]] || rm -rf "$run"
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
        -chardev file,id=console,path="$run/console" -serial chardev:console \
        -device virtio-rng-pci -device virtio-serial-pci \
        -chardev file,id=control,path=/proc/self/fd/5 -device virtserialport,chardev=control,name=qs.control \
        -chardev file,id=out,path=/proc/self/fd/3 -device virtserialport,chardev=out,name=qs.out \
        -chardev file,id=err,path=/proc/self/fd/4 -device virtserialport,chardev=err,name=qs.err \
        -virtfs local,path=/,mount_tag=qsroot,security_model=none,readonly=on,multidevs=remap \
        -virtfs "local,path=${share//,/,,},mount_tag=qsshare,security_model=none,multidevs=remap"
    mkfifo "$run/control" && exec 6<>"$run/control"
    # It dies with this shell, whatever becomes of that.
    setpriv --pdeathsig KILL qemu-system-x86_64 "$@" </dev/null 3> >(pump $$) 4> >(pump $$ >&2) 5>"$run/control" \
        >"$run/complaints" 2>&1 6<&- &
    qemu=$!
}

# The end of what the kernel said, for a run that has gone wrong.
show_console()
{
    {
        cat "$run/complaints"
        tr -d '\r' <"$run/console" | tail -n 25
    } 2>/dev/null | sed 's/^/vm:   /' >&2
}

# Sets `word` to the next word of the machine; fails when the time is over or the machine has ended.
next_word()
{
    local left

    while :; do
        left=$((deadline - SECONDS))
        ((left > 0)) || return 1
        # Short, so that the end of the machine is seen soon.
        if read -r -t 0.5 -u 6 word; then
            return 0
        fi
        kill -0 "$qemu" 2>/dev/null || return 2
    done
}

follow()
{
    local word rc

    deadline=$((SECONDS + boot_limit))
    next_word || { show_console; die "the machine did not come up within $boot_limit s, or ended: above, its last words"; }
    [[ ${QS_VM_VERBOSE:-0} == 0 ]] || say "up after ${word#ready } s ($accel)"
    deadline=$((SECONDS + timeout))
    rc=0
    next_word || rc=$?
    case $rc in
    0) status=${word#exit } ;;
    1) say "the time of $timeout s is over (--timeout)" && status=124 ;;
    *) show_console && say "the machine ended before the command: above, its last words" && status=125 ;;
    esac
}

sweep()
{
    local old

    for old in "$work"/run.*; do
        [[ -d $old && ! -d /proc/${old##*.} ]] && rm -rf "$old"
    done
}

options "$@"
find_tools
find_kernel
mkdir -p "$work" "$share" || die "cannot make $share"
share=$(cd "$share" && pwd)
prepare
find_accel
sweep
run=$work/run.$$
trap end_run EXIT
for signal in INT TERM HUP PIPE; do
    # shellcheck disable=SC2064 # expanded now
    trap "end_by_signal $signal" "$signal"
done
(umask 077 && mkdir "$run") || die "cannot make $run"
write_job
start
status=125
follow
[[ -z $console ]] || cp "$run/console" "$console"
exit "$status"
