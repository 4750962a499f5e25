//! Another Avro implementation reads what we write, and we read what it writes, byte for byte.

use std::collections::BTreeMap;

use apache_avro::{
    Schema, rabin::Rabin, reader::datum::GenericDatumReader, types::Value,
    writer::datum::GenericDatumWriter,
};
use sagaline_schemas::{
    CLAIM_AVSC, Error, FOOTER_AVSC, TRANSITION_AVSC, decode_claim, decode_footer,
    decode_transition, encode_claim, encode_footer, encode_transition,
};

use crate::{random::Random, samples};

const HEADER_BYTES: usize = 10;

struct Foreign {
    schema: Schema,
    fingerprint: Vec<u8>,
}

impl Foreign {
    /// Logical types have no part in a fingerprint: the specification's canonical form of an annotated `long` is `"long"`.
    /// apache-avro leaves `{"type":"long"}` there, so it is given the schema without them.
    fn new(avsc: &str) -> Self {
        let plain = avsc.replace(
            r#"{"type": "long", "logicalType": "timestamp-micros"}"#,
            r#""long""#,
        );
        assert!(
            !plain.contains("logicalType"),
            "an annotation is written in another way"
        );
        let fingerprint = Schema::parse_str(&plain)
            .unwrap()
            .fingerprint::<Rabin>()
            .bytes;
        Self {
            schema: Schema::parse_str(avsc).unwrap(),
            fingerprint,
        }
    }

    fn read(&self, mut datum: &[u8]) -> Value {
        let value = GenericDatumReader::builder(&self.schema)
            .build()
            .unwrap()
            .read_value(&mut datum)
            .unwrap();
        assert!(datum.is_empty(), "{} bytes are left over", datum.len());
        value
    }

    fn write(&self, value: Value) -> Vec<u8> {
        GenericDatumWriter::builder(&self.schema)
            .build()
            .unwrap()
            .write_value_to_vec(value)
            .unwrap()
    }

    fn check(&self, value: &[u8]) {
        let (header, datum) = value.split_at(HEADER_BYTES);
        assert_eq!(header[..2], [0xC3, 0x01]);
        assert_eq!(header[2..], self.fingerprint, "fingerprint");
        assert_eq!(self.write(self.read(datum)), datum);
    }
}

#[test]
fn another_reader_reads_what_we_write() {
    let mut value = Vec::new();
    encode_claim(&samples::claim(), &mut value).unwrap();
    Foreign::new(CLAIM_AVSC).check(&value);

    value.clear();
    encode_footer(&samples::footer(), &mut value).unwrap();
    Foreign::new(FOOTER_AVSC).check(&value);

    let foreign = Foreign::new(TRANSITION_AVSC);
    for (_, transition) in samples::transitions() {
        value.clear();
        encode_transition(&transition, &mut value).unwrap();
        foreign.check(&value);
    }
}

#[test]
fn another_reader_sees_fields_by_their_names() {
    let mut value = Vec::new();
    encode_footer(&samples::footer(), &mut value).unwrap();

    let Value::Record(fields) = Foreign::new(FOOTER_AVSC).read(&value[HEADER_BYTES..]) else {
        panic!("a footer is a record")
    };
    let fields: BTreeMap<String, Value> = fields.into_iter().collect();

    assert_eq!(fields["batch_no"], Value::Long(1_234));
    assert_eq!(fields["now"], Value::TimestampMicros(1_790_000_001_500_000));
    assert_eq!(
        fields["digest"],
        Value::Long(0xFEDC_BA98_7654_3210_u64.cast_signed())
    );
}

#[test]
fn any_value_of_the_schema_passes_through_us_unchanged() {
    passes_unchanged(CLAIM_AVSC, |value| {
        decode_claim(value).and_then(|claim| encoded(|into| encode_claim(&claim, into)))
    });
    passes_unchanged(FOOTER_AVSC, |value| {
        decode_footer(value).and_then(|footer| encoded(|into| encode_footer(&footer, into)))
    });
    passes_unchanged(TRANSITION_AVSC, |value| {
        decode_transition(value)
            .and_then(|transition| encoded(|into| encode_transition(&transition, into)))
    });
}

fn encoded(encode: impl FnOnce(&mut Vec<u8>) -> Result<(), Error>) -> Result<Vec<u8>, Error> {
    let mut into = Vec::new();
    encode(&mut into).map(|()| into)
}

fn passes_unchanged(avsc: &str, pass: impl Fn(&[u8]) -> Result<Vec<u8>, Error>) {
    let foreign = Foreign::new(avsc);
    let mut header = vec![0xC3, 0x01];
    header.extend(&foreign.fingerprint);
    for seed in 0..400 {
        let value = Values::new(&foreign.schema, seed).any("", &foreign.schema);
        let bytes = [header.clone(), foreign.write(value.clone())].concat();
        assert_eq!(pass(&bytes).as_ref(), Ok(&bytes), "seed {seed}: {value:?}");
    }
}

/// Fields that hold a run's id.
const RUN_IDS: [&str; 5] = [
    "run_id",
    "new_run_id",
    "continued_from",
    "first_run_id",
    "reset_of",
];

/// Makes up values of a schema.
struct Values<'a> {
    named: BTreeMap<String, &'a Schema>,
    random: Random,
}

impl<'a> Values<'a> {
    fn new(schema: &'a Schema, seed: u64) -> Self {
        let mut values = Self {
            named: BTreeMap::new(),
            random: Random(seed),
        };
        values.collect_names(schema);
        values
    }

    fn collect_names(&mut self, schema: &'a Schema) {
        if let Some(name) = schema.name() {
            self.named.entry(name.to_string()).or_insert(schema);
        }
        match schema {
            Schema::Record(record) => record
                .fields
                .iter()
                .for_each(|field| self.collect_names(&field.schema)),
            Schema::Union(union) => union
                .variants()
                .iter()
                .for_each(|variant| self.collect_names(variant)),
            Schema::Array(array) => self.collect_names(&array.items),
            _ => {}
        }
    }

    fn any(&mut self, field: &str, schema: &'a Schema) -> Value {
        match schema {
            Schema::Null => Value::Null,
            Schema::Boolean => Value::Boolean(self.random.below(2) == 1),
            Schema::Long if matches!(field, "digest" | "offset" | "next_offset") => {
                Value::Long(self.random.next().cast_signed())
            }
            // What every integer type of ours holds, identifiers too.
            Schema::Long => Value::Long(1 + self.random.below(0x7FFF_FFFF) as i64),
            Schema::TimestampMicros => Value::TimestampMicros(self.random.next().cast_signed()),
            Schema::String if RUN_IDS.contains(&field) => Value::String(format!(
                "{:08x}-0000-5000-8000-{:012x}",
                self.random.below(1 << 32),
                self.random.below(1 << 48)
            )),
            Schema::String => Value::String("t\u{e9}xt".repeat(self.random.below(4))),
            Schema::Bytes => Value::Bytes(
                (0..self.random.below(80))
                    .map(|_| self.random.next().to_le_bytes()[0])
                    .collect(),
            ),
            Schema::Array(array) => Value::Array(
                (0..self.random.below(4))
                    .map(|_| self.any(field, &array.items))
                    .collect(),
            ),
            Schema::Enum(symbols) => {
                let at = self.random.below(symbols.symbols.len());
                Value::Enum(u32::try_from(at).unwrap(), symbols.symbols[at].clone())
            }
            Schema::Union(union) => {
                let at = self.random.below(union.variants().len());
                Value::Union(
                    u32::try_from(at).unwrap(),
                    Box::new(self.any(field, &union.variants()[at])),
                )
            }
            Schema::Record(record) => {
                let fields = record.fields.iter();
                Value::Record(
                    fields
                        .map(|field| (field.name.clone(), self.any(&field.name, &field.schema)))
                        .collect(),
                )
            }
            Schema::Ref { name } => self.any(field, self.named[&name.to_string()]),
            other => panic!("no schema of ours has a {other:?}"),
        }
    }
}
