/* control.h - the control socket's client side: one JSON object a line in and out.
 *
 *   {"verb":"status"}  -> {"ok":true,"site":NAME,"url":[...],"generation":N,"version":...,
 *                          "uptime_s":N,"framework":"Django 5.2",
 *                          "edges":[{"pid","connections",...}],
 *                          "workers":[{"id","pid","state","requests","since_ms","generation",
 *                                      "rss_kib"}],...}
 *   {"verb":"reload"}  -> {"ok":true,"generation":N} once the new one serves, or
 *                         {"ok":false,"error":SENTENCE,"traceback":TEXT}
 *   {"verb":"maintenance","on":BOOL,"message":TEXT,"allow":[NETWORK]}
 *                      -> as status, once every edge knows; or {"ok":false,"error":SENTENCE}
 *   {"verb":"stop"}    -> {"ok":true} once everything ended (the master's last words)
 *
 * Each takes "site":NAME too; a name that no site has is an error.
 */
#pragma once
#include "base/json.h"

/* Sends one request to the socket at `path` and waits for the answer (new reference), or NULL with
 * a sentence (CONF_WHY_BYTES): nothing runs there, no permission, ...  After `stop` it returns when
 * the other process is gone. */
json_t *control_call(const char *path, const json_t *request, char *why);
