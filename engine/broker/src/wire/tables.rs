//! The shapes of all requests that are answered. `since(n)`: fields from version n on; `until(n)`: up to it.

use kafka_protocol::messages::ApiKey;

use super::shape::{
    Field, Item,
    Kind::{self, Bytes, Fixed, List, Structs, Text},
    Shape,
};

const I8: Kind = Fixed(1);
const BOOL: Kind = Fixed(1);
const I16: Kind = Fixed(2);
const I32: Kind = Fixed(4);
const I64: Kind = Fixed(8);
const UUID: Kind = Fixed(16);
const I32S: Kind = List(Item::Fixed(4));
const TEXTS: Kind = List(Item::Text);

const fn always(kind: Kind) -> Field {
    between(0, i16::MAX, kind)
}

const fn since(from: i16, kind: Kind) -> Field {
    between(from, i16::MAX, kind)
}

const fn until(to: i16, kind: Kind) -> Field {
    between(0, to, kind)
}

const fn between(from: i16, to: i16, kind: Kind) -> Field {
    Field { from, to, kind }
}

const fn shape(flexible_from: i16, fields: &'static [Field]) -> Shape {
    Shape {
        flexible_from,
        fields,
    }
}

const NEVER: i16 = i16::MAX;

/// The shape of a request, if it is one that is answered.
pub(super) const fn of(api: ApiKey) -> Option<Shape> {
    Some(match api {
        ApiKey::Produce => shape(9, PRODUCE),
        ApiKey::Fetch => shape(12, FETCH),
        ApiKey::ListOffsets => shape(6, LIST_OFFSETS),
        ApiKey::Metadata => shape(9, METADATA),
        ApiKey::OffsetCommit => shape(8, OFFSET_COMMIT),
        ApiKey::OffsetFetch => shape(6, OFFSET_FETCH),
        ApiKey::FindCoordinator => shape(3, FIND_COORDINATOR),
        ApiKey::JoinGroup => shape(6, JOIN_GROUP),
        ApiKey::SyncGroup => shape(4, SYNC_GROUP),
        ApiKey::Heartbeat => shape(4, HEARTBEAT),
        ApiKey::LeaveGroup => shape(4, LEAVE_GROUP),
        ApiKey::DescribeGroups => shape(5, DESCRIBE_GROUPS),
        ApiKey::ListGroups => shape(3, LIST_GROUPS),
        ApiKey::ApiVersions => shape(3, API_VERSIONS),
        ApiKey::CreateTopics => shape(5, CREATE_TOPICS),
        ApiKey::DeleteTopics => shape(4, DELETE_TOPICS),
        ApiKey::DeleteRecords => shape(2, DELETE_RECORDS),
        ApiKey::InitProducerId => shape(2, INIT_PRODUCER_ID),
        ApiKey::AddPartitionsToTxn => shape(3, ADD_PARTITIONS_TO_TXN),
        ApiKey::AddOffsetsToTxn => shape(3, ADD_OFFSETS_TO_TXN),
        ApiKey::EndTxn => shape(3, END_TXN),
        ApiKey::TxnOffsetCommit => shape(3, TXN_OFFSET_COMMIT),
        ApiKey::OffsetForLeaderEpoch => shape(4, OFFSET_FOR_LEADER_EPOCH),
        ApiKey::DescribeConfigs => shape(4, DESCRIBE_CONFIGS),
        ApiKey::AlterConfigs => shape(2, ALTER_CONFIGS),
        ApiKey::IncrementalAlterConfigs => shape(1, INCREMENTAL_ALTER_CONFIGS),
        ApiKey::DescribeLogDirs => shape(2, DESCRIBE_LOG_DIRS),
        ApiKey::CreatePartitions => shape(2, CREATE_PARTITIONS),
        ApiKey::DeleteGroups => shape(2, DELETE_GROUPS),
        ApiKey::OffsetDelete => shape(NEVER, OFFSET_DELETE),
        ApiKey::DescribeCluster => shape(0, DESCRIBE_CLUSTER),
        _ => return None,
    })
}

const API_VERSIONS: &[Field] = &[since(3, Text), since(3, Text)];

const METADATA: &[Field] = &[
    always(Structs(&[since(10, UUID), always(Text)])),
    since(4, BOOL),
    between(8, 10, BOOL),
    since(8, BOOL),
];

const PRODUCE: &[Field] = &[
    always(Text),
    always(I16),
    always(I32),
    always(Structs(&[
        until(12, Text),
        since(13, UUID),
        always(Structs(&[always(I32), always(Bytes)])),
    ])),
];

const FETCH: &[Field] = &[
    until(14, I32),
    always(I32),
    always(I32),
    always(I32),
    always(I8),
    since(7, I32),
    since(7, I32),
    always(Structs(&[
        until(12, Text),
        since(13, UUID),
        always(Structs(&[
            always(I32),
            since(9, I32),
            always(I64),
            since(12, I32),
            since(5, I64),
            always(I32),
        ])),
    ])),
    since(
        7,
        Structs(&[until(12, Text), since(13, UUID), always(I32S)]),
    ),
    since(11, Text),
];

const LIST_OFFSETS: &[Field] = &[
    always(I32),
    since(2, I8),
    always(Structs(&[
        always(Text),
        always(Structs(&[always(I32), since(4, I32), always(I64)])),
    ])),
    since(10, I32),
];

const OFFSET_COMMIT: &[Field] = &[
    always(Text),
    always(I32),
    always(Text),
    since(7, Text),
    until(4, I64),
    always(Structs(&[
        always(Text),
        always(Structs(&[
            always(I32),
            always(I64),
            since(6, I32),
            always(Text),
        ])),
    ])),
];

const OFFSET_FETCH: &[Field] = &[
    until(7, Text),
    until(7, Structs(&[always(Text), always(I32S)])),
    since(
        8,
        Structs(&[
            always(Text),
            since(9, Text),
            since(9, I32),
            always(Structs(&[always(Text), always(I32S)])),
        ]),
    ),
    since(7, BOOL),
];

const FIND_COORDINATOR: &[Field] = &[until(3, Text), since(1, I8), since(4, TEXTS)];

const JOIN_GROUP: &[Field] = &[
    always(Text),
    always(I32),
    since(1, I32),
    always(Text),
    since(5, Text),
    always(Text),
    always(Structs(&[always(Text), always(Bytes)])),
    since(8, Text),
];

const SYNC_GROUP: &[Field] = &[
    always(Text),
    always(I32),
    always(Text),
    since(3, Text),
    since(5, Text),
    since(5, Text),
    always(Structs(&[always(Text), always(Bytes)])),
];

const HEARTBEAT: &[Field] = &[always(Text), always(I32), always(Text), since(3, Text)];

const LEAVE_GROUP: &[Field] = &[
    always(Text),
    until(2, Text),
    since(3, Structs(&[always(Text), always(Text), since(5, Text)])),
];

const DESCRIBE_GROUPS: &[Field] = &[always(TEXTS), since(3, BOOL)];

const DELETE_GROUPS: &[Field] = &[always(TEXTS)];

const LIST_GROUPS: &[Field] = &[since(4, TEXTS), since(5, TEXTS)];

const OFFSET_DELETE: &[Field] = &[
    always(Text),
    always(Structs(&[always(Text), always(Structs(&[always(I32)]))])),
];

const INIT_PRODUCER_ID: &[Field] = &[always(Text), always(I32), since(3, I64), since(3, I16)];

const ADD_PARTITIONS_TO_TXN: &[Field] = &[
    always(Text),
    always(I64),
    always(I16),
    always(Structs(&[always(Text), always(I32S)])),
];

const ADD_OFFSETS_TO_TXN: &[Field] = &[always(Text), always(I64), always(I16), always(Text)];

const END_TXN: &[Field] = &[always(Text), always(I64), always(I16), always(BOOL)];

const TXN_OFFSET_COMMIT: &[Field] = &[
    always(Text),
    always(Text),
    always(I64),
    always(I16),
    since(3, I32),
    since(3, Text),
    since(3, Text),
    always(Structs(&[
        always(Text),
        always(Structs(&[
            always(I32),
            always(I64),
            since(2, I32),
            always(Text),
        ])),
    ])),
];

const OFFSET_FOR_LEADER_EPOCH: &[Field] = &[
    since(3, I32),
    always(Structs(&[
        always(Text),
        always(Structs(&[always(I32), always(I32), always(I32)])),
    ])),
];

const CREATE_TOPICS: &[Field] = &[
    always(Structs(&[
        always(Text),
        always(I32),
        always(I16),
        always(Structs(&[always(I32), always(I32S)])),
        always(Structs(&[always(Text), always(Text)])),
    ])),
    always(I32),
    always(BOOL),
];

const DELETE_TOPICS: &[Field] = &[
    since(6, Structs(&[always(Text), always(UUID)])),
    until(5, TEXTS),
    always(I32),
];

const CREATE_PARTITIONS: &[Field] = &[
    always(Structs(&[
        always(Text),
        always(I32),
        always(Structs(&[always(I32S)])),
    ])),
    always(I32),
    always(BOOL),
];

const DESCRIBE_LOG_DIRS: &[Field] = &[always(Structs(&[always(Text), always(I32S)]))];

const DESCRIBE_CONFIGS: &[Field] = &[
    always(Structs(&[always(I8), always(Text), always(TEXTS)])),
    always(BOOL),
    since(3, BOOL),
];

const ALTER_CONFIGS: &[Field] = &[
    always(Structs(&[
        always(I8),
        always(Text),
        always(Structs(&[always(Text), always(Text)])),
    ])),
    always(BOOL),
];

const INCREMENTAL_ALTER_CONFIGS: &[Field] = &[
    always(Structs(&[
        always(I8),
        always(Text),
        always(Structs(&[always(Text), always(I8), always(Text)])),
    ])),
    always(BOOL),
];

const DELETE_RECORDS: &[Field] = &[
    always(Structs(&[
        always(Text),
        always(Structs(&[always(I32), always(I64)])),
    ])),
    always(I32),
];

const DESCRIBE_CLUSTER: &[Field] = &[always(BOOL), since(1, I8), since(2, BOOL)];
