//! A broker of one topic with one partition that refuses a record when the next one is there, and takes that one. As Kafka
//! does of a producer that a partition has not heard of, it takes whatever sequence comes.

use std::{
    io::{self, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::{
    messages::{
        ApiKey, ApiVersionsResponse, BrokerId, InitProducerIdResponse, MetadataResponse,
        ProduceRequest, ProduceResponse, ProducerId, RequestHeader, ResponseHeader, TopicName,
        api_versions_response::ApiVersion,
        metadata_response::{
            MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
        },
        produce_response::{PartitionProduceResponse, TopicProduceResponse},
    },
    protocol::{Decodable, Encodable, HeaderVersion, StrBytes},
    records::RecordBatchDecoder,
};
use tokio::sync::Notify;

const NODE: BrokerId = BrokerId(1);

/// The APIs that it offers, with their versions. Nobody fetches: whether a broker takes batches is told by that.
const APIS: &[(ApiKey, i16, i16)] = &[
    (ApiKey::Fetch, 4, 4),
    (ApiKey::Produce, 3, 7),
    (ApiKey::Metadata, 1, 8),
    (ApiKey::ApiVersions, 0, 2),
    (ApiKey::InitProducerId, 0, 1),
];

/// Kafka's code of a broker that no longer leads the partition.
const NOT_LEADER: i16 = 6;

pub(crate) struct RefusingBroker {
    topic: &'static str,
    port: u16,
    state: Mutex<State>,
    refused_is_there: Notify,
}

#[derive(Default)]
struct State {
    /// What was taken.
    log: Vec<String>,
    is_refusing: bool,
    /// Of the request that will be refused.
    held: Option<Request>,
}

#[derive(Clone, Copy)]
struct Request {
    correlation: i32,
    version: i16,
}

impl RefusingBroker {
    pub(crate) fn start(topic: &'static str) -> Arc<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let broker = Arc::new(Self {
            topic,
            port: listener.local_addr().unwrap().port(),
            state: Mutex::default(),
            refused_is_there: Notify::new(),
        });
        let serving = broker.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (broker, stream) = (serving.clone(), stream.unwrap());
                // It ends with its client.
                thread::spawn(move || broker.serve(stream));
            }
        });
        broker
    }

    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Refuses the next record.
    pub(crate) fn refuse(&self) {
        self.state.lock().unwrap().is_refusing = true;
    }

    /// Waits for the record that will be refused.
    pub(crate) async fn refused_is_there(&self) {
        self.refused_is_there.notified().await;
    }

    /// What was taken so far, each at its offset.
    pub(crate) fn log(&self) -> Vec<String> {
        self.state.lock().unwrap().log.clone()
    }

    fn serve(&self, mut stream: TcpStream) -> io::Result<()> {
        loop {
            let mut size = [0; 4];
            stream.read_exact(&mut size)?;
            let mut frame = vec![0; u32::from_be_bytes(size) as usize];
            stream.read_exact(&mut frame)?;
            stream.write_all(&self.answer(frame.into()))?;
        }
    }

    fn answer(&self, mut frame: Bytes) -> BytesMut {
        let api = ApiKey::try_from(i16::from_be_bytes([frame[0], frame[1]])).unwrap();
        let version = i16::from_be_bytes([frame[2], frame[3]]);
        let header =
            RequestHeader::decode(&mut frame, api.request_header_version(version)).unwrap();
        let request = Request {
            correlation: header.correlation_id,
            version,
        };
        let mut answers = BytesMut::new();
        match api {
            ApiKey::ApiVersions => {
                // A version that is not offered is answered in the first one.
                let (version, code) = if version > 2 { (0, 35) } else { (version, 0) };
                let request = Request { version, ..request };
                request.put(&versions().with_error_code(code), &mut answers);
            }
            ApiKey::Metadata => request.put(&self.metadata(), &mut answers),
            ApiKey::InitProducerId => {
                let id = InitProducerIdResponse::default().with_producer_id(ProducerId(1));
                request.put(&id, &mut answers);
            }
            ApiKey::Produce => {
                let produce = ProduceRequest::decode(&mut frame, version).unwrap();
                self.produce(request, produce, &mut answers);
            }
            other => panic!("{other:?} is not offered"),
        }
        answers
    }

    fn produce(&self, request: Request, produce: ProduceRequest, answers: &mut BytesMut) {
        let mut state = self.state.lock().unwrap();
        if std::mem::take(&mut state.is_refusing) {
            state.held = Some(request);
            self.refused_is_there.notify_one();
            return;
        }
        let base = i64::try_from(state.log.len()).unwrap();
        for partition in &produce.topic_data[0].partition_data {
            let mut records = partition.records.clone().unwrap();
            for batch in RecordBatchDecoder::decode_all(&mut records).unwrap() {
                let values = batch
                    .records
                    .into_iter()
                    .map(|record| record.value.unwrap());
                state
                    .log
                    .extend(values.map(|value| String::from_utf8_lossy(&value).into_owned()));
            }
        }
        if let Some(refused) = state.held.take() {
            refused.put(&self.produced(NOT_LEADER, -1), answers);
        }
        request.put(&self.produced(0, base), answers);
    }

    fn produced(&self, code: i16, base: i64) -> ProduceResponse {
        let partition = PartitionProduceResponse::default()
            .with_error_code(code)
            .with_base_offset(base);
        let topic = TopicProduceResponse::default()
            .with_name(self.topic_name())
            .with_partition_responses(vec![partition]);
        ProduceResponse::default().with_responses(vec![topic])
    }

    fn metadata(&self) -> MetadataResponse {
        let broker = MetadataResponseBroker::default()
            .with_node_id(NODE)
            .with_host(StrBytes::from_static_str("127.0.0.1"))
            .with_port(self.port.into());
        let partition = MetadataResponsePartition::default()
            .with_leader_id(NODE)
            .with_leader_epoch(0)
            .with_replica_nodes(vec![NODE])
            .with_isr_nodes(vec![NODE]);
        let topic = MetadataResponseTopic::default()
            .with_name(Some(self.topic_name()))
            .with_partitions(vec![partition]);
        MetadataResponse::default()
            .with_brokers(vec![broker])
            .with_controller_id(NODE)
            .with_topics(vec![topic])
    }

    fn topic_name(&self) -> TopicName {
        TopicName(StrBytes::from_static_str(self.topic))
    }
}

impl Request {
    fn put<M: Encodable + HeaderVersion>(self, answer: &M, answers: &mut BytesMut) {
        let mut bytes = BytesMut::new();
        ResponseHeader::default()
            .with_correlation_id(self.correlation)
            .encode(&mut bytes, M::header_version(self.version))
            .unwrap();
        answer.encode(&mut bytes, self.version).unwrap();
        answers.put_u32(u32::try_from(bytes.len()).unwrap());
        answers.extend_from_slice(&bytes);
    }
}

fn versions() -> ApiVersionsResponse {
    let apis = APIS.iter().map(|(api, min, max)| {
        ApiVersion::default()
            .with_api_key(*api as i16)
            .with_min_version(*min)
            .with_max_version(*max)
    });
    ApiVersionsResponse::default().with_api_keys(apis.collect())
}
