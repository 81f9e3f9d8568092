//! TCP packets that this host's kernel has thrown away, and what its reasons mean.

use std::net::SocketAddr;

use crate::model::fields::grouped;
use crate::model::session::Session;

/// Direction of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PacketDirection {
    /// For this host.
    In,
    /// From this host.
    Out,
    /// From one host to another, through this one.
    Forwarded,
}

impl PacketDirection {
    /// A word for columns.
    pub fn word(self) -> &'static str {
        match self {
            PacketDirection::In => "in",
            PacketDirection::Out => "out",
            PacketDirection::Forwarded => "fwd",
        }
    }

    /// Netfilter's chain for such packets.
    fn chain(self) -> &'static str {
        match self {
            PacketDirection::In => "INPUT",
            PacketDirection::Out => "OUTPUT",
            PacketDirection::Forwarded => "FORWARD",
        }
    }
}

/// Cause that a reason belongs to, most telling first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DropClass {
    /// Rules of this host forbid the packet.
    Firewall,
    /// No socket listens on the port.
    NoListener,
    /// A queue that packets or connections wait in is full.
    QueueFull,
    /// The memory for data that is not read yet is full.
    BufferFull,
    /// The packet cannot be delivered: routes, addresses, interfaces, neighbors.
    Routing,
    /// The packet is damaged or makes no sense.
    BadPacket,
    /// The table of reasons does not have it.
    Other,
    /// The kernel discards such packets in healthy operation: they are no failure.
    Ordinary,
}

impl DropClass {
    /// A word for it.
    pub fn word(self) -> &'static str {
        match self {
            DropClass::Firewall => "firewall",
            DropClass::NoListener => "nobody",
            DropClass::QueueFull => "queue",
            DropClass::BufferFull => "buffer",
            DropClass::Routing => "routing",
            DropClass::BadPacket => "damaged",
            DropClass::Other => "other",
            DropClass::Ordinary => "ordinary",
        }
    }
}

/// A reason for which the kernel drops packets.
#[derive(Debug, PartialEq, Eq)]
pub struct DropReason {
    /// Its cause.
    pub class: DropClass,
    /// The kernel's name, without `SKB_DROP_REASON_`.
    pub name: &'static str,
    /// A few words, for a column.
    pub words: &'static str,
    /// The end of a sentence that begins with "packets were dropped".
    pub clause: &'static str,
}

const fn row(
    class: DropClass,
    name: &'static str,
    words: &'static str,
    clause: &'static str,
) -> DropReason {
    DropReason {
        class,
        name,
        words,
        clause,
    }
}

/// The kernel's reasons that packets of TCP can have, and their meanings: those of Linux 5.17 to 7.3.
#[rustfmt::skip]
pub static DROP_REASONS: &[DropReason] = &[
    row(DropClass::Firewall, "NETFILTER_DROP", "firewall (netfilter)", "by this host's netfilter"),
    row(DropClass::Firewall, "BPF_CGROUP_EGRESS", "BPF program of a cgroup", "by a BPF program of the control group"),
    row(DropClass::Firewall, "SOCKET_FILTER", "socket filter", "by a filter of the socket or its control group"),
    row(DropClass::Firewall, "SECURITY_HOOK", "security module", "by this host's security module"),
    row(DropClass::Firewall, "XFRM_POLICY", "IPsec policy", "by an IPsec policy of this host"),
    row(DropClass::Firewall, "TC_INGRESS", "traffic control filter", "by a traffic control filter on the way in"),
    row(DropClass::Firewall, "TC_EGRESS", "traffic control filter", "by a traffic control filter on the way out"),
    row(DropClass::Firewall, "TC_CHAIN_NOTFOUND", "filter without a chain", "because a traffic control filter leads nowhere"),
    row(DropClass::Firewall, "TC_RECLASSIFY_LOOP", "filters form a loop", "because traffic control filters form a loop"),
    row(DropClass::Firewall, "TC_COOKIE_ERROR", "filter without memory", "by traffic control, for lack of memory"),
    row(DropClass::Firewall, "XDP", "XDP program", "by an XDP program"),
    row(DropClass::Firewall, "TAP_FILTER", "filter of a tap device", "by the filter of a tap device"),
    row(DropClass::Firewall, "TAP_TXFILTER", "filter of a tap device", "by the filter of a tap device"),
    row(DropClass::Firewall, "TCP_MINTTL", "TTL below the minimum", "because their TTL is below the minimum of the socket"),
    row(DropClass::NoListener, "NO_SOCKET", "nobody listens", "because no socket listens there"),
    row(DropClass::QueueFull, "TCP_LISTEN_OVERFLOW", "accept queue full", "because the accept queue was full"),
    row(DropClass::QueueFull, "SOCKET_BACKLOG", "socket's backlog full", "because the backlog of the socket was full"),
    row(DropClass::QueueFull, "CPU_BACKLOG", "input queue full", "because the input queue of a processor was full"),
    row(DropClass::QueueFull, "FULL_RING", "device queue full", "because the queue of a device was full"),
    row(DropClass::QueueFull, "QDISC_DROP", "send queue", "by the send queue of an interface"),
    row(DropClass::QueueFull, "QDISC_OVERLIMIT", "send queue full", "because the send queue of an interface was full"),
    row(DropClass::QueueFull, "QDISC_CONGESTED", "send queue congested", "by the send queue of an interface, which was congested"),
    row(DropClass::QueueFull, "CAKE_FLOOD", "send queue: flood", "by the send queue of an interface, as a flood"),
    row(DropClass::QueueFull, "FQ_BAND_LIMIT", "send queue full", "because the send queue of an interface was full"),
    row(DropClass::QueueFull, "FQ_FLOW_LIMIT", "send queue full", "because the send queue of an interface was full for this session"),
    row(DropClass::QueueFull, "FQ_HORIZON_LIMIT", "send time too far off", "because their time to be sent is too far off"),
    row(DropClass::QueueFull, "DUALPI2_STEP_DROP", "send queue congested", "by the send queue of an interface, which was congested"),
    row(DropClass::QueueFull, "NEIGH_QUEUEFULL", "neighbor's queue full", "because the queue for the next hop was full"),
    row(DropClass::BufferFull, "SOCKET_RCVBUFF", "receive buffer full", "because the receive buffer was full"),
    row(DropClass::BufferFull, "PROTO_MEM", "memory or buffer full", "because the receive buffer or the memory for TCP was full"),
    row(DropClass::BufferFull, "TCP_OFO_QUEUE_PRUNE", "receive buffer full", "because the receive buffer was full"),
    row(DropClass::BufferFull, "TCP_OFO_DROP", "receive buffer full", "because the receive buffer was full"),
    row(DropClass::BufferFull, "NOMEM", "no memory", "for lack of memory"),
    row(DropClass::BufferFull, "PFMEMALLOC", "no memory", "for lack of memory"),
    row(DropClass::Routing, "IP_OUTNOROUTES", "no route", "because there is no route"),
    row(DropClass::Routing, "IP_INNOROUTES", "no route", "because there is no route"),
    row(DropClass::Routing, "IP_RPFILTER", "reverse path filter", "by the reverse path filter (rp_filter)"),
    row(DropClass::Routing, "IP_INADDRERRORS", "not for this host", "because they are not for this host, which does not forward"),
    row(DropClass::Routing, "IP_LOCAL_SOURCE", "our address as source", "because they came from outside with an address of this host"),
    row(DropClass::Routing, "IP_INVALID_SOURCE", "invalid source address", "because their source address is invalid"),
    row(DropClass::Routing, "IP_INVALID_DEST", "invalid destination", "because their destination address is invalid"),
    row(DropClass::Routing, "IP_LOCALNET", "loopback address", "because they came from outside with a loopback address"),
    row(DropClass::Routing, "IPV6DISABLED", "IPv6 is off", "because IPv6 is off"),
    row(DropClass::Routing, "NEIGH_CREATEFAIL", "next hop unknown", "because no entry could be made for the next hop"),
    row(DropClass::Routing, "NEIGH_FAILED", "next hop does not answer", "because the next hop does not answer (ARP, NDP)"),
    row(DropClass::Routing, "NEIGH_DEAD", "next hop gone", "because the entry for the next hop is gone"),
    row(DropClass::Routing, "NEIGH_HH_FILLFAIL", "no link-layer header", "because no link-layer header could be made"),
    row(DropClass::Routing, "PKT_TOO_BIG", "too big for the link", "because they are too big for the link (MTU)"),
    row(DropClass::Routing, "DEV_READY", "interface down", "because the interface is down"),
    row(DropClass::Routing, "NO_TX_TARGET", "no port to send to", "because a device had no port to send to"),
    row(DropClass::Routing, "RECURSION_LIMIT", "devices form a loop", "because devices form a loop"),
    row(DropClass::Routing, "BRIDGE_INGRESS_STP_STATE", "bridge port blocked", "by spanning tree: the bridge port does not forward"),
    row(DropClass::Routing, "VXLAN_VNI_NOT_FOUND", "unknown VXLAN", "because their VXLAN is unknown"),
    row(DropClass::Routing, "VXLAN_ENTRY_EXISTS", "VXLAN entry exists", "because the entry of their VXLAN is another one"),
    row(DropClass::Routing, "TUNNEL_TXINFO", "no tunnel", "because a tunnel had no destination"),
    row(DropClass::BadPacket, "TCP_CSUM", "TCP checksum wrong", "because the TCP checksum is wrong"),
    row(DropClass::BadPacket, "IP_CSUM", "IP checksum wrong", "because the IP checksum is wrong"),
    row(DropClass::BadPacket, "SKB_CSUM", "checksum not computable", "because no checksum could be computed"),
    row(DropClass::BadPacket, "IP_INHDR", "IP header wrong", "because the IP header is wrong"),
    row(DropClass::BadPacket, "PKT_TOO_SMALL", "too short", "because they are too short"),
    row(DropClass::BadPacket, "HDR_TRUNC", "header cut off", "because a header is cut off"),
    row(DropClass::BadPacket, "DEV_HDR", "device header wrong", "because the header of a device is wrong"),
    row(DropClass::BadPacket, "TCP_FLAGS", "TCP flags wrong", "because the TCP flags make no sense"),
    row(DropClass::BadPacket, "TCP_AUTH_HDR", "TCP signature wrong", "because their TCP signature is damaged"),
    row(DropClass::BadPacket, "TCP_MD5NOTFOUND", "TCP signature missing", "because they have no TCP signature (MD5)"),
    row(DropClass::BadPacket, "TCP_MD5UNEXPECTED", "unexpected TCP signature", "because of an unexpected TCP signature (MD5)"),
    row(DropClass::BadPacket, "TCP_MD5FAILURE", "TCP signature wrong", "because the TCP signature is wrong (MD5)"),
    row(DropClass::BadPacket, "TCP_AONOTFOUND", "TCP signature missing", "because they have no TCP signature (AO)"),
    row(DropClass::BadPacket, "TCP_AOUNEXPECTED", "unexpected TCP signature", "because of an unexpected TCP signature (AO)"),
    row(DropClass::BadPacket, "TCP_AOKEYNOTFOUND", "TCP signature: no key", "because there is no key for their TCP signature (AO)"),
    row(DropClass::BadPacket, "TCP_AOFAILURE", "TCP signature wrong", "because the TCP signature is wrong (AO)"),
    row(DropClass::BadPacket, "IP_NOPROTO", "protocol unknown", "because nobody handles their protocol"),
    row(DropClass::BadPacket, "UNHANDLED_PROTO", "protocol unknown", "because nobody handles their protocol"),
    row(DropClass::BadPacket, "INVALID_PROTO", "protocol unknown", "because nobody handles their protocol"),
    row(DropClass::BadPacket, "IPV6_BAD_EXTHDR", "IPv6 header wrong", "because an IPv6 header is wrong"),
    row(DropClass::BadPacket, "DUP_FRAG", "fragment twice", "because a fragment came twice"),
    row(DropClass::BadPacket, "FRAG_REASM_TIMEOUT", "fragments missing", "because fragments are missing"),
    row(DropClass::BadPacket, "FRAG_TOO_FAR", "fragments too far apart", "because fragments are too far apart"),
    row(DropClass::BadPacket, "SKB_GSO_SEG", "cannot be divided", "because they could not be divided into segments"),
    row(DropClass::BadPacket, "SKB_UCOPY_FAULT", "cannot be copied", "because they could not be copied"),
    row(DropClass::BadPacket, "IP_TUNNEL_ECN", "tunnel: ECN wrong", "because ECN of the tunnel makes no sense"),
    row(DropClass::BadPacket, "UNICAST_IN_L2_MULTICAST", "sent as a multicast", "because a single destination was sent as a multicast"),
    row(DropClass::BadPacket, "VXLAN_INVALID_HDR", "VXLAN header wrong", "because the VXLAN header is wrong"),
    row(DropClass::BadPacket, "MAC_INVALID_SOURCE", "MAC address wrong", "because the source MAC address is invalid"),
    row(DropClass::BadPacket, "LOCAL_MAC", "MAC address is ours", "because the source MAC address is ours"),
    row(DropClass::BadPacket, "PSP_INPUT", "encryption (PSP) wrong", "because their encryption (PSP) does not fit the session"),
    row(DropClass::BadPacket, "PSP_OUTPUT", "encryption (PSP) wrong", "because their encryption (PSP) does not fit the session"),
    row(DropClass::Ordinary, "OTHERHOST", "for another host", "because they are for another host on the link"),
    row(DropClass::Ordinary, "SOCKET_CLOSE", "after the close", "because the socket was closed"),
    row(DropClass::Ordinary, "QUEUE_PURGE", "unread at the close", "because they were unread when the socket was closed"),
    row(DropClass::Ordinary, "TCP_ABORT_ON_DATA", "data after our close", "because they brought data after the close"),
    row(DropClass::Ordinary, "TCP_ZEROWINDOW", "window closed", "because the receive window was closed"),
    row(DropClass::Ordinary, "TCP_OLD_DATA", "data known already", "because their data had arrived already"),
    row(DropClass::Ordinary, "TCP_OVERWINDOW", "beyond the window", "because their data is beyond the receive window"),
    row(DropClass::Ordinary, "TCP_OFOMERGE", "data known already", "because their data had arrived already"),
    row(DropClass::Ordinary, "TCP_RFC7323_PAWS", "old timestamp", "because their timestamp is old"),
    row(DropClass::Ordinary, "TCP_RFC7323_PAWS_ACK", "old timestamp", "because their timestamp is old"),
    row(DropClass::Ordinary, "TCP_RFC7323_TW_PAWS", "old timestamp", "because their timestamp is old"),
    row(DropClass::Ordinary, "TCP_RFC7323_TSECR", "timestamp wrong", "because they echo a wrong timestamp"),
    row(DropClass::Ordinary, "TCP_OLD_SEQUENCE", "data known already", "because their data had arrived already"),
    row(DropClass::Ordinary, "TCP_INVALID_SEQUENCE", "outside the window", "because they are outside of the receive window"),
    row(DropClass::Ordinary, "TCP_INVALID_END_SEQUENCE", "outside the window", "because they are outside of the receive window"),
    row(DropClass::Ordinary, "TCP_INVALID_ACK_SEQUENCE", "acknowledgment wrong", "because they acknowledge something else"),
    row(DropClass::Ordinary, "TCP_RESET", "reset", "because they reset the connection"),
    row(DropClass::Ordinary, "TCP_INVALID_SYN", "unexpected SYN", "because of an unexpected SYN"),
    row(DropClass::Ordinary, "TCP_CLOSE", "connection closed", "because the connection was closed"),
    row(DropClass::Ordinary, "TCP_FASTOPEN", "fast open", "while a fast open was in progress"),
    row(DropClass::Ordinary, "TCP_OLD_ACK", "old acknowledgment", "because they acknowledge what was acknowledged already"),
    row(DropClass::Ordinary, "TCP_TOO_OLD_ACK", "old acknowledgment", "because they acknowledge what was acknowledged long ago"),
    row(DropClass::Ordinary, "TCP_ACK_UNSENT_DATA", "acknowledgment wrong", "because they acknowledge what was never sent"),
];

/// Returns the name as part of [`PacketDrops`]. A name that [`DROP_REASONS`] lacks stays in memory: the kernel has few.
pub fn reason_name(name: &str) -> &'static str {
    let known = DROP_REASONS.iter().find(|r| r.name == name);
    match known {
        Some(row) => row.name,
        None => Box::leak(name.into()),
    }
}

/// Packets dropped for one reason between two ends, since tcplife started.
#[derive(Clone, Debug, PartialEq)]
pub struct PacketDrops {
    /// The kernel's name for the reason, without `SKB_DROP_REASON_`: `NETFILTER_DROP`, `NO_SOCKET`.
    pub reason: &'static str,
    /// Direction of the packets.
    pub direction: PacketDirection,
    /// Inode number of the network namespace; 0: not known.
    pub netns: u32,
    /// Our end; of a forwarded packet, its source. Port 0: any, since packets of several connections count together.
    pub local: SocketAddr,
    /// The peer's end; of a forwarded packet, its destination. Port 0: as of `local`.
    pub remote: SocketAddr,
    /// Packets dropped.
    pub packets: u64,
    /// The first packets of a connection among them: SYN without ACK.
    pub syns: u64,
    /// First and last drop, ns of boot time.
    pub first_ns: u64,
    /// See `first_ns`.
    pub last_ns: u64,
}

impl PacketDrops {
    /// The row of the reason; `None`: it is not in the table.
    fn row(&self) -> Option<&'static DropReason> {
        DROP_REASONS.iter().find(|r| r.name == self.reason)
    }

    /// A packet of a connection that has closed meanwhile, which has no socket any more.
    fn is_late(&self) -> bool {
        self.reason == "NO_SOCKET" && self.syns == 0
    }

    /// The cause.
    pub fn class(&self) -> DropClass {
        match self.row() {
            _ if self.is_late() => DropClass::Ordinary,
            row => row.map_or(DropClass::Other, |r| r.class),
        }
    }

    /// The reason in a few words.
    pub fn words(&self) -> &'static str {
        match self.row() {
            _ if self.is_late() => "connection closed",
            row => row.map_or(self.reason, |r| r.words),
        }
    }

    /// True if all packets are between these two ends: no port was left out.
    pub fn has_both_ends(&self) -> bool {
        self.direction != PacketDirection::Forwarded
            && self.local.port() != 0
            && self.remote.port() != 0
    }

    /// True if they are packets of this session.
    pub fn is_of(&self, session: &Session) -> bool {
        let is_netns = |netns| netns == 0 || session.netns == 0 || netns == session.netns;
        self.has_both_ends()
            && (self.local.port(), self.remote.port()) == (session.lport, session.rport)
            && (self.local.ip(), self.remote.ip()) == (session.laddr, session.raddr)
            && is_netns(self.netns)
            // the ports may have been those of another session
            && self.last_ns >= session.start_ns
            && (session.is_open() || self.first_ns <= session.end_ns)
    }

    /// True if this session sent such packets to the other end, which is on this host, too. Packets of other sessions may
    /// be counted with them.
    pub fn is_at_other_end(&self, session: &Session) -> bool {
        self.direction == PacketDirection::In
            && (self.local.port(), self.local.ip()) == (session.rport, session.raddr)
            && self.remote.ip() == session.laddr
            && [0, session.lport].contains(&self.remote.port())
            && self.last_ns >= session.start_ns
            && (session.is_open() || self.first_ns <= session.end_ns)
    }

    /// A sentence about them, for a session that they belong to: "4 of our SYNs were dropped by this host's netfilter
    /// (OUTPUT)".
    pub fn sentence(&self) -> String {
        let whose = match self.direction {
            PacketDirection::Out => "of our",
            PacketDirection::In | PacketDirection::Forwarded => "of the peer's",
        };
        let what = match self.syns == self.packets {
            true => "SYNs",
            false => "packets",
        };
        self.counted(&format!("{whose} {what}"))
    }

    /// The same where the ends are known: "4 SYNs were dropped by this host's netfilter (OUTPUT)".
    pub fn outcome(&self) -> String {
        self.counted(match (self.syns == self.packets, self.packets) {
            (true, 1) => "SYN",
            (true, _) => "SYNs",
            (false, 1) => "packet",
            (false, _) => "packets",
        })
    }

    fn counted(&self, what: &str) -> String {
        let number = grouped(usize::try_from(self.packets).unwrap_or(usize::MAX));
        let verb = if self.packets == 1 { "was" } else { "were" };
        format!("{number} {what} {verb} dropped {}", self.clause())
    }

    /// The end of a sentence that begins with "packets were dropped".
    fn clause(&self) -> String {
        match self.row() {
            _ if self.is_late() => "because the connection was closed".to_owned(),
            Some(row) if row.name == "NETFILTER_DROP" => {
                format!("{} ({})", row.clause, self.direction.chain())
            }
            Some(row) => row.clause.to_owned(),
            None => format!("by this host: {}", self.reason),
        }
    }
}
