//! Names of well-known ports in filters: a fixed list, so that a filter means the same on every host, also on those
//! without services(5).

const SERVICES: &[(&str, u16)] = &[
    ("ftp", 21),
    ("ssh", 22),
    ("telnet", 23),
    ("smtp", 25),
    ("domain", 53),
    ("dns", 53),
    ("http", 80),
    ("www", 80),
    ("kerberos", 88),
    ("pop3", 110),
    ("sunrpc", 111),
    ("imap", 143),
    ("bgp", 179),
    ("ldap", 389),
    ("https", 443),
    ("tls", 443),
    ("ssl", 443),
    ("smb", 445),
    ("smtps", 465),
    ("syslog", 514),
    ("submission", 587),
    ("ldaps", 636),
    ("rsync", 873),
    ("imaps", 993),
    ("pop3s", 995),
    ("ms-sql-s", 1433),
    ("mssql", 1433),
    ("oracle", 1521),
    ("nfs", 2049),
    ("zookeeper", 2181),
    ("etcd", 2379),
    ("mysql", 3306),
    ("mariadb", 3306),
    ("rdp", 3389),
    ("postgresql", 5432),
    ("postgres", 5432),
    ("psql", 5432),
    ("amqp", 5672),
    ("vnc", 5900),
    ("redis", 6379),
    ("http-alt", 8080),
    ("kafka", 9092),
    ("elasticsearch", 9200),
    ("memcached", 11211),
    ("mongodb", 27017),
    ("mongo", 27017),
];

/// The port of a name.
pub fn port_named(name: &str) -> Option<u16> {
    let found = SERVICES.iter().find(|(n, _)| n.eq_ignore_ascii_case(name));
    found.map(|(_, port)| *port)
}

/// True if a text may become a name.
pub fn is_begun(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    SERVICES.iter().any(|(name, _)| name.starts_with(&lower))
}
