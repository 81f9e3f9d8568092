// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Evidence for a slow session: its retransmitted segments by cause.
 */
#ifndef TCPLIFE_SLOW_H
#define TCPLIFE_SLOW_H

#include "state.bpf.h"

/*
 * Counts what was retransmitted since the last count. The kernel's own counter says how many segments
 * that are: one buffer may hold several, and a retransmit that this host dropped runs no program on
 * older kernels.
 */
static __always_inline void count_retransmits(struct sock_state *st, struct tcp_sock *tp,
					      enum retrans_kind kind)
{
	__u32 total = tp->total_retrans;

	st->retrans[kind] += total - st->retrans_seen;
	st->retrans_seen = total;
}

/*
 * A segment was retransmitted, under the socket's lock. A timeout begins a state of loss, in which
 * acknowledgments repeat the rest (net/ipv4/tcp_timer.c, tcp_retransmit_timer). A probe is sent by
 * its own timer, while nothing is known to be lost (net/ipv4/tcp_output.c, tcp_send_loss_probe).
 */
SEC("tp_btf/tcp_retransmit_skb")
int BPF_PROG(on_retransmit, struct sock *sk, struct sk_buff *skb)
{
	struct sock_state *st = state_of(sk);
	struct inet_connection_sock *icsk;
	enum retrans_kind kind;
	struct tcp_sock *tp;
	__u8 phase;

	tp = st ? bpf_skc_to_tcp_sock(sk) : NULL;
	if (!tp)
		return 0;
	icsk = &tp->inet_conn;
	phase = BPF_CORE_READ_BITFIELD(icsk, icsk_ca_state);
	if (phase == TCP_CA_LOSS)
		kind = RETRANS_TIMEOUT;
	else if (phase != TCP_CA_RECOVERY && icsk->icsk_pending == ICSK_TIME_LOSS_PROBE)
		kind = RETRANS_PROBE;
	else
		kind = RETRANS_FAST;
	count_retransmits(st, tp, kind);
	return 0;
}

#endif
