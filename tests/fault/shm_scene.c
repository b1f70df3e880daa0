/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * See shm_scene.h. One thread.
 */
#include "tests/fault/shm_scene.h"

#include <string.h>

#include "tests/support/support_fds.h"
#include "tests/support/support_maps.h"

#define BOTH ((unsigned)NA_ACCESS_REMOTE_READ | (unsigned)NA_ACCESS_REMOTE_WRITE)

struct scene scene;

void scene_pump(void)
{
    node_pump_both(&scene.good, &scene.victim);
}

const char *scene_victim_name(void)
{
    return na_class_address(scene.victim.na_class) + strlen("shm://");
}

/* The good peer calls, and is answered. */
void scene_check_good(void)
{
    uint64_t frames = scene.good.frames;

    node_send_surely(&scene.good, &scene.victim, scene.good_route, NODE_KIND_ECHO, ++scene.good_seq, 2000);
    NODE_UNTIL(scene.good.frames == frames + 1, SCENE_LIMIT_MS) scene_pump();
    SUPPORT_CHECK(scene.good.frames == frames + 1 && scene.good.bad_frames == 0 && scene.good.downs == 0);
}

void scene_begin(void)
{
    scene_begin_limited(0);
}

void scene_begin_limited(uint32_t connect_timeout_ms)
{
    node_open_config(&scene.victim, &(struct na_config){.listen = true, .connect_timeout_ms = connect_timeout_ms});
    node_open(&scene.good, false);
    bytes_fill(scene.memory, sizeof(scene.memory), 2);
    scene.mem = bench_register(&scene.victim, scene.memory, sizeof(scene.memory), BOTH | NA_ACCESS_LOCAL);
    na_mem_describe(scene.mem, 0, &scene.memory_at);
    scene.good_route = node_route(&scene.good, na_class_address(scene.victim.na_class));
    scene_check_good();
    scene.fds = support_fds_count();
    scene.maps = support_maps_count("memfd:");
}

/* Nothing is left of all the others. */
void scene_check_clean(void)
{
    scene_check_good();
    NODE_UNTIL(support_fds_count() == scene.fds && support_maps_count("memfd:") == scene.maps, SCENE_LIMIT_MS)
    scene_pump();
    if (support_fds_count() != scene.fds)
        support_fds_print();
    SUPPORT_CHECK(support_fds_count() == scene.fds && support_maps_count("memfd:") == scene.maps);
    SUPPORT_CHECK(scene.victim.accepted_count == 1);
}

void scene_end(void)
{
    scene_check_clean();
    na_route_close(scene.good_route);
    NODE_UNTIL(scene.victim.accepted_count == 0, SCENE_LIMIT_MS) scene_pump();
    na_mem_deregister(scene.mem);
    node_close(&scene.good);
    node_close(&scene.victim);
}

void scene_until_hung_up(const struct shm_raw *raw)
{
    bool over = false;

    NODE_UNTIL((over = shm_raw_is_hung_up(raw)), SCENE_LIMIT_MS) scene_pump();
    SUPPORT_CHECK(over);
}

/* Waits for the victim to take a raw peer for a good one; gives the victim's route. */
struct na_route *scene_until_accepted(void)
{
    NODE_UNTIL(scene.victim.accepted_count == 2, SCENE_LIMIT_MS) scene_pump();
    SUPPORT_CHECK(scene.victim.accepted_count == 2);
    return scene.victim.accepted[1];
}

void scene_accept(struct shm_raw *raw)
{
    shm_raw_connect(raw, scene_victim_name());
    (void)scene_until_accepted();
}

/* The victim has ended the route for this reason, and hung up. */
void scene_expect_down(const struct shm_raw *raw, uint32_t downs, int error, const char *what)
{
    NODE_UNTIL(scene.victim.downs == downs + 1, SCENE_LIMIT_MS) scene_pump();
    if (scene.victim.downs != downs + 1 || scene.victim.down_error != error)
        support_suite_fail("%s: the route is %s, %d", what, scene.victim.downs == downs ? "up" : "down",
                           scene.victim.down_error);
    scene_until_hung_up(raw);
}
