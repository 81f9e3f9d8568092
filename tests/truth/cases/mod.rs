//! All cases: real sockets in processes of their own, and what tcplife must report.
//!
//! This file is the table of the cases; `shared_parts` has what many of them share.

use crate::generator::{Cx, Family};

mod begins;
mod bytes;
mod ends;
mod failures;
mod owners;
mod preexisting;
mod quality;
mod responses;
mod shared_parts;
mod unusual_sockets;

pub(crate) use owners::serve_inherited;

/// When a case's processes begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// While tcplife runs.
    During,
    /// Before tcplife starts; they continue when it runs.
    Before,
}

/// A row of [`CASES`].
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) families: &'static [Family],
    pub(crate) when: When,
    pub(crate) run: fn(&Cx),
}

const V4: &[Family] = &[Family::V4];
const V4_V6: &[Family] = &[Family::V4, Family::V6];
const ALL: &[Family] = &[Family::V4, Family::V6, Family::Mapped];

const fn case(name: &'static str, families: &'static [Family], run: fn(&Cx)) -> Case {
    Case {
        name,
        families,
        when: When::During,
        run,
    }
}

const fn before(name: &'static str, families: &'static [Family], run: fn(&Cx)) -> Case {
    Case {
        name,
        families,
        when: When::Before,
        run,
    }
}

/// All cases. Those that wait longest come first, so that the suite takes no longer than they do.
#[rustfmt::skip]
pub(crate) static CASES: &[Case] = &[
    before("listener-from-before", ALL, preexisting::listener),
    before("prefork-listener-from-before", V4, preexisting::prefork),
    before("multipath-listener-from-before", V4, preexisting::multipath_listener),
    before("established-before", ALL, preexisting::established),
    before("half-closed-before", V4_V6, preexisting::half_closed),
    before("unaccepted-before", V4_V6, preexisting::unaccepted),
    before("never-accepted-from-before", V4, preexisting::never_accepted),
    before("orphan-before-fin-wait-1", V4_V6, preexisting::orphan_fin_wait_1),
    before("orphan-before-last-ack", V4, preexisting::orphan_last_ack),
    before("connecting-before", V4, preexisting::connecting),
    before("connect-cancelled-before", V4_V6, preexisting::connect_cancelled),
    before("inherited-before", V4_V6, preexisting::inherited),
    before("inherited-with-listener-before", V4, preexisting::inherited_with_listener),
    before("dies-with-data-in-flight-before", V4_V6, preexisting::dies_in_flight),
    before("restored-before", V4, preexisting::restored),
    before("multipath-before", V4, preexisting::multipath),
    before("descriptor-in-flight-before", V4, preexisting::in_flight),
    before("fast-open-before", V4, preexisting::fast_open),
    before("fast-open-ignored-before", V4, preexisting::fast_open_ignored),
    before("retransmitted-before", V4_V6, preexisting::retransmitted),
    case("connect-timeout", V4_V6, failures::connect_timeout),
    case("keepalive-timeout", V4, failures::keepalive_timeout),
    case("never-acknowledged", V4, bytes::never_acknowledged),
    case("orphan-timeout", V4, failures::orphan_timeout),
    case("fast-open-data-ignored", V4, begins::fast_open_ignored),
    case("loss-10MB", V4_V6, quality::loss),
    case("client-closes-first", ALL, ends::client_closes_first),
    case("server-closes-first", ALL, ends::server_closes_first),
    case("client-resets", ALL, ends::client_resets),
    case("server-resets", ALL, ends::server_resets),
    case("closed-with-data-unread", ALL, ends::closed_with_data_unread),
    case("half-close-by-client", ALL, ends::half_close_by_client),
    case("half-close-by-server", ALL, ends::half_close_by_server),
    case("shutdown-both-ways", V4_V6, ends::shutdown_both),
    case("nothing-sent", ALL, ends::nothing_sent),
    case("veth-closes", ALL, ends::veth_closes),
    case("simultaneous-close", V4_V6, ends::simultaneous_close),
    case("simultaneous-open", V4_V6, begins::simultaneous_open),
    case("self-connect", V4, begins::self_connect),
    case("fast-open", V4_V6, begins::fast_open),
    case("urgent-data", V4, bytes::urgent_data),
    case("many-small-writes", V4, bytes::small_writes),
    case("receiver-full", V4, bytes::receiver_full),
    case("prefork", V4_V6, owners::prefork),
    case("prefork-worker-only-writes", V4, owners::prefork_worker_only_writes),
    case("worker-only-writes", V4_V6, owners::worker_only_writes),
    case("descriptor-passed-to-a-writer", V4, owners::passed_to_a_writer),
    case("reader-after-writer", V4, owners::reader_after_writer),
    case("fork-a-connection", V4, owners::fork_a_connection),
    case("fork-parent-closes-last", V4, owners::fork_parent_closes_last),
    case("threads", V4, owners::threads),
    case("descriptor-passed", V4, owners::descriptor_passed),
    case("inherited-through-exec", V4, owners::inherited_through_exec),
    case("io-uring", V4_V6, owners::io_uring),
    case("io-uring-closed-by-kernel", V4, owners::io_uring_closed_by_kernel),
    case("exit-with-socket-open", V4, owners::exit_with_socket_open),
    case("killed-with-socket-open", V4, owners::killed_with_socket_open),
    case("child-reads-what-parent-connected", V4, owners::child_reads_what_parent_connected),
    case("peer-closes-while-others-run", V4, owners::closed_in_softirq),
    case("reuseport-group", V4, owners::reuseport),
    case("refused", ALL, failures::refused),
    case("host-unreachable", V4_V6, failures::host_unreachable),
    case("network-unreachable", V4_V6, failures::network_unreachable),
    case("prohibited", V4_V6, failures::prohibited),
    case("no-way-at-all", V4_V6, failures::no_route),
    case("half-open-peer", V4, failures::half_open_peer),
    case("killed-by-ss", V4_V6, failures::killed_by_ss),
    case("killed-by-ss-unread", V4, failures::killed_by_ss_unread),
    case("connect-cancelled", V4_V6, failures::connect_cancelled),
    case("never-accepted", V4_V6, failures::never_accepted),
    case("reset-before-accept", V4, failures::reset_before_accept),
    case("retransmission-timeout", V4_V6, failures::retransmission_timeout),
    case("link-down", V4, failures::link_down),
    case("accepted-and-reset-unread", V4_V6, failures::reset_after_accept),
    case("descriptor-lost-in-flight", V4, failures::lost_in_flight),
    case("renamed-before-close", V4, owners::renamed),
    case("renamed-between-reads", V4, owners::renamed_between_reads),
    case("renamed-between-writes", V4, owners::renamed_between_writes),
    case("executed-another-program", V4, owners::executed_another_program),
    case("little-option-memory", V4_V6, unusual_sockets::little_option_memory),
    case("checkpoint-and-restore", V4, unusual_sockets::checkpoint),
    case("no-local-port", V4_V6, failures::no_local_port),
    case("data-after-our-close", V4, ends::data_after_close),
    case("reset-after-shutdown-and-data", V4, ends::reset_after_shutdown),
    case("fast-retransmits", V4, quality::fast_retransmits),
    case("loss-probe", V4, quality::probe),
    case("retransmission-timeouts", V4, quality::timeouts),
    case("zero-window", V4_V6, quality::zero_window),
    case("round-trip-time", V4_V6, quality::round_trip_time),
    case("rate-limited", V4, quality::rate_limited),
    case("receive-window-limited", V4, quality::rwnd_limited),
    case("send-buffer-limited", V4, quality::sndbuf_limited),
    case("response-delays", V4_V6, responses::delays),
    case("response-keep-alive", V4, responses::keep_alive),
    case("response-large-request", V4, responses::large_request),
    case("response-large-answer", V4, responses::large_answer),
    case("response-large-both", V4, responses::large_both),
    case("response-late-reader", V4, responses::late_reader),
    case("response-very-late-reader", V4, responses::very_late_reader),
    case("response-slow-reader", V4, responses::slow_reader),
    case("response-slow-client", V4, responses::slow_client),
    case("response-over-a-link", V4_V6, responses::over_a_link),
    case("response-large-over-a-link", V4, responses::large_answer_over_a_link),
    case("response-lost-requests", V4, responses::lost_requests),
    case("response-lost-answers", V4, responses::lost_answers),
    case("response-half-closed", V4, responses::half_closed),
    case("response-one-way", V4, responses::one_way),
    case("connect-again-after-refusal", V4, unusual_sockets::connect_again_after_refusal),
    case("disconnect-and-connect-again", V4, unusual_sockets::disconnect_and_connect_again),
    case("shutdown-and-connect-again", V4, unusual_sockets::shutdown_and_connect_again),
    case("listener-turned-client", V4, unusual_sockets::listener_turned_client),
    case("multipath", V4, unusual_sockets::multipath),
    case("multipath-joined", V4, unusual_sockets::multipath_joined),
    case("other-protocols", V4, unusual_sockets::other_protocols),
];
