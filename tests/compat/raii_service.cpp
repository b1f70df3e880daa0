/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * A service in C++ the way Thallium does it: handlers are lambdas behind the data of their RPC, arguments of any
 * type go through one proc that calls a function object, handles are values that count references, and an answer is
 * a future. Nothing is destroyed by hand.
 */
#include "mercury_bulk.h"
#include "mercury_proc.h"
#include "mercury_proc_bulk.h"
#include "program.h"

#include <atomic>
#include <cstring>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

namespace service
{

class error : public std::runtime_error
{
  public:
    error(const char *what, hg_return_t ret)
        : std::runtime_error(std::string(what) + ": " + HG_Error_to_string(ret)), ret_(ret)
    {
    }
    hg_return_t ret() const
    {
        return ret_;
    }

  private:
    hg_return_t ret_;
};

inline void require(hg_return_t ret, const char *what)
{
    if (ret != HG_SUCCESS)
        throw error(what, ret);
}

/* --- values to bytes -------------------------------------------------------------------------------------- */

/* Encodes and decodes, by the processor that it is given; a value knows nothing of the direction. */
class archive
{
  public:
    explicit archive(hg_proc_t proc) : proc_(proc)
    {
    }

    void bytes(void *data, size_t size)
    {
        if (size == 0)
            return;
        void *place = hg_proc_save_ptr(proc_, size);
        if (place == nullptr)
            throw error("bytes", HG_OVERFLOW);
        if (decodes())
            std::memcpy(data, place, size);
        else
            std::memcpy(place, data, size);
        require(hg_proc_restore_ptr(proc_, place, size), "bytes");
    }

    template <typename T> std::enable_if_t<std::is_arithmetic<T>::value> operator()(T &value)
    {
        require(hg_proc_memcpy(proc_, &value, sizeof(value)), "number");
    }

    void operator()(std::string &text)
    {
        size_t length = size(text.size());
        text.resize(length);
        bytes(&text[0], length);
    }

    template <typename T> void operator()(std::vector<T> &values)
    {
        values.resize(size(values.size()));
        for (T &value : values)
            (*this)(value);
    }

    template <typename K, typename V> void operator()(std::map<K, V> &values)
    {
        size_t count = size(values.size());
        if (!decodes()) {
            for (auto &[key, value] : values) {
                K copy = key;
                (*this)(copy);
                (*this)(value);
            }
            return;
        }
        values.clear();
        while (count-- > 0) {
            K key;
            (*this)(key);
            (*this)(values[key]);
        }
    }

    void operator()(hg_bulk_t &bulk)
    {
        require(hg_proc_hg_bulk_t(proc_, &bulk), "bulk handle");
    }

    template <typename... Ts> void operator()(std::tuple<Ts...> &values)
    {
        std::apply([this](auto &...each) { ((*this)(each), ...); }, values);
    }

  private:
    bool decodes() const
    {
        return hg_proc_get_op(proc_) == HG_DECODE;
    }

    /* The number of elements of a container; not more than there are bytes. */
    size_t size(size_t current)
    {
        uint64_t count = current;
        (*this)(count);
        if (decodes() && count > hg_proc_get_size_left(proc_))
            throw error("size", HG_OVERFLOW);
        return static_cast<size_t>(count);
    }

    hg_proc_t proc_;
};

using proc_function = std::function<void(archive &)>;

/* The proc of every RPC: the struct is a function object. C code calls it, so nothing may be thrown out of it. */
inline hg_return_t proc(hg_proc_t proc, void *data)
{
    if (hg_proc_get_op(proc) == HG_FREE)
        return HG_SUCCESS;
    try {
        archive ar(proc);
        (*static_cast<proc_function *>(data))(ar);
    } catch (const error &e) {
        return e.ret();
    } catch (const std::bad_alloc &) {
        return HG_NOMEM;
    }
    return HG_SUCCESS;
}

/* --- objects that count --------------------------------------------------------------------------------------- */

class handle
{
  public:
    handle() = default;
    explicit handle(hg_handle_t taken) : handle_(taken)
    {
    }
    handle(const handle &other) : handle_(other.handle_)
    {
        if (handle_ != HG_HANDLE_NULL)
            require(HG_Ref_incr(handle_), "HG_Ref_incr");
    }
    handle(handle &&other) noexcept : handle_(std::exchange(other.handle_, HG_HANDLE_NULL))
    {
    }
    handle &operator=(handle other) noexcept
    {
        std::swap(handle_, other.handle_);
        return *this;
    }
    ~handle()
    {
        CHECK_OK(HG_Destroy(handle_));
    }
    hg_handle_t get() const
    {
        return handle_;
    }

  private:
    hg_handle_t handle_ = HG_HANDLE_NULL;
};

class bulk
{
  public:
    bulk(hg_class_t *hg_class, std::vector<double> &values, uint8_t flags)
    {
        void *data = values.data();
        hg_size_t size = values.size() * sizeof(double);
        require(HG_Bulk_create(hg_class, 1, &data, &size, flags, &bulk_), "HG_Bulk_create");
    }
    explicit bulk(hg_bulk_t taken) : bulk_(taken)
    {
    }
    bulk(const bulk &) = delete;
    bulk &operator=(const bulk &) = delete;
    bulk(bulk &&other) noexcept : bulk_(std::exchange(other.bulk_, HG_BULK_NULL))
    {
    }
    ~bulk()
    {
        CHECK_OK(HG_Bulk_free(bulk_));
    }
    hg_bulk_t get() const
    {
        return bulk_;
    }

  private:
    hg_bulk_t bulk_ = HG_BULK_NULL;
};

/* A call at its target. */
class request
{
  public:
    explicit request(handle taken) : handle_(std::move(taken))
    {
    }

    template <typename... Ts> std::tuple<Ts...> input() const
    {
        std::tuple<Ts...> values{};
        proc_function fill = [&values](archive &ar) { ar(values); };
        require(HG_Get_input(handle_.get(), &fill), "HG_Get_input");
        require(HG_Free_input(handle_.get(), &fill), "HG_Free_input");
        return values;
    }

    template <typename T> void respond(T value) const
    {
        proc_function write = [&value](archive &ar) { ar(value); };
        require(HG_Respond(handle_.get(), nullptr, nullptr, &write), "HG_Respond");
    }

    const hg_info &info() const
    {
        return *HG_Get_info(handle_.get());
    }

  private:
    handle handle_;
};

using handler = std::function<void(const request &)>;

/* --- the engine --------------------------------------------------------------------------------------------- */

/* A class with one context and a thread that drives it. */
class engine
{
  public:
    engine(const std::string &protocol, bool listen)
        : descriptors_(program_descriptors_before(protocol.c_str())), class_(HG_Init(protocol.c_str(), listen))
    {
        if (class_ == nullptr)
            throw error("HG_Init", HG_OTHER_ERROR);
        context_ = HG_Context_create(class_);
        if (context_ == nullptr)
            throw error("HG_Context_create", HG_OTHER_ERROR);
        thread_ = std::thread([this] {
            while (!over_)
                program_turn(context_);
        });
    }
    engine(const engine &) = delete;
    engine &operator=(const engine &) = delete;
    ~engine()
    {
        over_ = true;
        thread_.join();
        CHECK_OK(HG_Context_destroy(context_));
        CHECK_OK(HG_Finalize(class_));
        CHECK_INT(program_descriptors(), descriptors_);
    }

    /* The library keeps the handler, and deletes it with the class or when the RPC is defined anew. */
    hg_id_t define(const char *name, handler function = nullptr)
    {
        hg_id_t id = HG_Register_name(class_, name, proc, proc, on_call);
        require(id != 0 ? HG_SUCCESS : HG_OTHER_ERROR, "HG_Register_name");
        delete static_cast<handler *>(HG_Registered_data(class_, id));
        require(HG_Register_data(class_, id, new handler(std::move(function)),
                                 [](void *data) { delete static_cast<handler *>(data); }),
                "HG_Register_data");
        return id;
    }

    std::string address() const
    {
        char text[PROGRAM_LINE];
        program_address(class_, text);
        return text;
    }
    hg_class_t *hg_class() const
    {
        return class_;
    }
    hg_context_t *context() const
    {
        return context_;
    }

  private:
    static hg_return_t on_call(hg_handle_t taken)
    {
        request call{handle(taken)};
        auto *function = static_cast<handler *>(HG_Registered_data(call.info().hg_class, call.info().id));
        try {
            (*function)(call);
        } catch (const error &e) {
            program_fail(__FILE__, __LINE__, "a handler threw %s", e.what());
        }
        return HG_SUCCESS;
    }

    int descriptors_;
    hg_class_t *class_;
    hg_context_t *context_ = nullptr;
    std::atomic<bool> over_{false};
    std::thread thread_;
};

/* An address of a peer. */
class endpoint
{
  public:
    endpoint(engine &owner, const std::string &text) : engine_(owner)
    {
        require(HG_Addr_lookup2(engine_.hg_class(), text.c_str(), &addr_), "HG_Addr_lookup2");
    }
    endpoint(const endpoint &) = delete;
    endpoint &operator=(const endpoint &) = delete;
    ~endpoint()
    {
        CHECK_OK(HG_Addr_free(engine_.hg_class(), addr_));
    }
    engine &owner() const
    {
        return engine_;
    }
    hg_addr_t get() const
    {
        return addr_;
    }

  private:
    engine &engine_;
    hg_addr_t addr_ = HG_ADDR_NULL;
};

/* What will have come of a call; a call that failed throws from get(), on the thread that asks. */
template <typename Out> class answer
{
  public:
    struct outcome {
        hg_return_t ret;
        Out value;
    };

    explicit answer(std::future<outcome> future) : future_(std::move(future))
    {
    }
    Out get()
    {
        outcome got = future_.get();
        require(got.ret, "call");
        return std::move(got.value);
    }

  private:
    std::future<outcome> future_;
};

template <typename Out> hg_return_t call_over(const hg_cb_info *info)
{
    using outcome = typename answer<Out>::outcome;
    std::unique_ptr<std::promise<outcome>> promise(static_cast<std::promise<outcome> *>(info->arg));
    outcome got{info->ret, Out{}};
    proc_function fill = [&got](archive &ar) { ar(got.value); };

    if (got.ret == HG_SUCCESS)
        got.ret = HG_Get_output(info->info.forward.handle, &fill);
    if (got.ret == HG_SUCCESS)
        got.ret = HG_Free_output(info->info.forward.handle, &fill);
    promise->set_value(std::move(got));
    return HG_SUCCESS;
}

template <typename Out, typename... In> answer<Out> call(const endpoint &target, hg_id_t id, In... in)
{
    auto promise = std::make_unique<std::promise<typename answer<Out>::outcome>>();
    answer<Out> later(promise->get_future());
    std::tuple<In...> arguments(std::move(in)...);
    proc_function write = [&arguments](archive &ar) { ar(arguments); };
    hg_handle_t created = HG_HANDLE_NULL;

    require(HG_Create(target.owner().context(), target.get(), id, &created), "HG_Create");
    handle owner(created);
    require(HG_Forward(owner.get(), call_over<Out>, promise.get(), &write), "HG_Forward");
    (void)promise.release(); /* the callback has it now */
    return later;
}

} // namespace service

/* --- what is served ------------------------------------------------------------------------------------------- */

namespace
{

using namespace service;
using table = std::map<std::string, std::vector<uint32_t>>;

/* Averages numbers that it pulls; everything that a call needs lives in one object. */
struct averaging {
    request call;
    bulk remote;
    std::vector<double> values;
    bulk local;

    averaging(const request &of, hg_bulk_t descriptor)
        : call(of), remote(descriptor), values(HG_Bulk_get_size(descriptor) / sizeof(double)),
          local(of.info().hg_class, values, HG_BULK_WRITE_ONLY)
    {
    }

    static hg_return_t pulled(const hg_cb_info *info)
    {
        std::unique_ptr<averaging> self(static_cast<averaging *>(info->arg));
        double sum = 0;
        CHECK_OK(info->ret);
        for (double value : self->values)
            sum += value;
        self->call.respond(sum / static_cast<double>(self->values.size()));
        return HG_SUCCESS;
    }

    static void start(const request &call)
    {
        auto [descriptor] = call.input<hg_bulk_t>();
        auto self = std::make_unique<averaging>(call, descriptor);
        const hg_info &info = call.info();
        require(HG_Bulk_transfer(info.context, pulled, self.get(), HG_BULK_PULL, info.addr, self->remote.get(), 0,
                                 self->local.get(), 0, HG_Bulk_get_size(descriptor), HG_OP_ID_IGNORE),
                "HG_Bulk_transfer");
        (void)self.release();
    }
};

void serve(program_peer *parent, const char *protocol)
{
    /* Before the engine, whose thread uses them until it ends. */
    std::promise<void> quit;
    std::vector<request> waiting;
    table kept;
    engine here(protocol, true);

    here.define("greet",
                [](const request &) { program_fail(__FILE__, __LINE__, "the first definition is still there"); });
    here.define("greet", [](const request &call) {
        auto [name, times] = call.input<std::string, uint32_t>();
        std::string greeting;
        for (uint32_t i = 0; i < times; i++)
            greeting += "hello " + name + "\n";
        call.respond(greeting);
    });
    here.define("keep", [&kept](const request &call) {
        kept = std::get<0>(call.input<table>());
        call.respond(static_cast<uint64_t>(kept.size()));
    });
    here.define("show", [&kept](const request &call) { call.respond(kept); });
    here.define("average", averaging::start);
    /* Answered in pairs: the copies of the requests keep their handles. */
    here.define("meet", [&waiting](const request &call) {
        waiting.push_back(call);
        if (waiting.size() < 2)
            return;
        uint32_t one = std::get<0>(waiting[0].input<uint32_t>());
        uint32_t two = std::get<0>(waiting[1].input<uint32_t>());
        waiting[0].respond(two);
        waiting[1].respond(one);
        waiting.clear();
    });
    /* The answer is owed; when the request is dropped, the library gives one. */
    here.define("forget", [](const request &) {});
    here.define("quit", [&quit](const request &call) {
        call.respond(true);
        quit.set_value();
    });
    program_say(parent, here.address().c_str());
    program_waits_for(__FILE__, __LINE__, "the client to say quit");
    quit.get_future().wait();
}

/* --- the client ------------------------------------------------------------------------------------------------- */

void try_strings(endpoint &target)
{
    hg_id_t greet = target.owner().define("greet");
    const std::string name("with a zero \0 inside", 20);
    std::vector<answer<std::string>> answers;

    for (uint32_t i = 0; i < 100; i++)
        answers.push_back(call<std::string>(target, greet, name, i * i % 977));
    for (uint32_t i = 0; i < 100; i++) {
        std::string expected;
        for (uint32_t k = 0; k < i * i % 977; k++)
            expected += "hello " + name + "\n";
        CHECK(answers[i].get() == expected);
    }
}

void try_containers(endpoint &target)
{
    hg_id_t keep = target.owner().define("keep");
    hg_id_t show = target.owner().define("show");
    table values;

    for (uint32_t i = 0; i < 300; i++)
        values["key " + std::to_string(i)] = std::vector<uint32_t>(i % 400, i);
    CHECK_INT(call<uint64_t>(target, keep, values).get(), values.size());
    CHECK(call<table>(target, show, 0).get() == values);
    CHECK_INT(call<uint64_t>(target, keep, table()).get(), 0);
    CHECK(call<table>(target, show, 0).get().empty());
}

void try_bulk(endpoint &target)
{
    hg_id_t average = target.owner().define("average");
    std::vector<double> values(100001);

    for (size_t i = 0; i < values.size(); i++)
        values[i] = static_cast<double>(i);
    bulk exposed(target.owner().hg_class(), values, HG_BULK_READ_ONLY);
    CHECK(call<double>(target, average, exposed.get()).get() == 50000.0);
}

void try_handlers_that_wait(endpoint &target)
{
    hg_id_t meet = target.owner().define("meet");
    hg_id_t forget = target.owner().define("forget");
    answer<uint32_t> one = call<uint32_t>(target, meet, static_cast<uint32_t>(11));
    answer<uint32_t> two = call<uint32_t>(target, meet, static_cast<uint32_t>(22));
    bool thrown = false;

    CHECK_INT(one.get(), 22);
    CHECK_INT(two.get(), 11);
    try {
        call<uint32_t>(target, forget, 0).get();
    } catch (const error &e) {
        thrown = true;
        CHECK_RET(e.ret(), HG_OTHER_ERROR);
    }
    CHECK(thrown);
}

/* What the other side does not know, and what it sends differently, is told as an exception. */
void try_what_goes_wrong(endpoint &target)
{
    hg_id_t unknown = target.owner().define("nobody has defined this");
    hg_id_t greet = target.owner().define("greet");
    unsigned int thrown = 0;

    try {
        call<uint32_t>(target, unknown, 1).get();
    } catch (const error &e) {
        thrown++;
        CHECK_RET(e.ret(), HG_NOENTRY);
    }
    try {
        call<table>(target, greet, std::string("x"), static_cast<uint32_t>(1)).get();
    } catch (const error &e) {
        thrown++;
        CHECK_RET(e.ret(), HG_OVERFLOW);
    }
    CHECK_INT(thrown, 2);
}

/* A handle lives as long as the last of its copies. */
void try_copies(endpoint &target)
{
    hg_id_t greet = target.owner().define("greet");
    hg_handle_t created = HG_HANDLE_NULL;
    bool freed = false;

    CHECK_OK(HG_Create(target.owner().context(), target.get(), greet, &created));
    CHECK_OK(HG_Set_data(created, &freed, [](void *data) { *static_cast<bool *>(data) = true; }));
    {
        handle first(created);
        CHECK_INT(HG_Ref_get(created), 1);
        std::vector<handle> copies(5, first);
        CHECK_INT(HG_Ref_get(created), 6);
        handle moved(std::move(first));
        CHECK_INT(HG_Ref_get(created), 6);
        copies.clear();
        CHECK_INT(HG_Ref_get(created), 1);
        CHECK(!freed);
    }
    CHECK(freed);
}

} // namespace

int main(int argc, char **argv)
{
    const char *protocol = program_begin("C++ client", argc, argv);
    program_peer server{};
    char address[PROGRAM_LINE];

    program_start(&server, "C++ service", serve, protocol);
    program_hear(&server, address);
    try {
        engine here(protocol, false);
        endpoint target(here, address);

        program_waits_for(__FILE__, __LINE__, "the answer of a call");
        try_strings(target);
        try_containers(target);
        try_bulk(target);
        try_handlers_that_wait(target);
        try_what_goes_wrong(target);
        try_copies(target);
        CHECK(call<bool>(target, here.define("quit"), 0).get());
    } catch (const std::exception &e) {
        program_fail(__FILE__, __LINE__, "%s", e.what());
    }
    program_finish(&server);
    return 0;
}
