/* edge.h - the process that talks to clients: `slipway edge`, exec'd by the master.
 * Descriptors by number are in link/channel.h. */
#pragma once
int edge_main(void);             /* exit status */
