//! Bytes that nobody of ours wrote, or that were damaged, are refused: no panic, no memory beyond the limits.

use sagaline_schemas::{
    Error, SEQUENCE_MAX, VALUE_BYTES_MAX, decode_claim, decode_footer, decode_transition,
    encode_claim, encode_footer, encode_transition,
};

use crate::{random::Random, samples};

/// All values of [`samples`], encoded.
fn values() -> Vec<Vec<u8>> {
    let (mut claim, mut footer) = (Vec::new(), Vec::new());
    encode_claim(&samples::claim(), &mut claim).unwrap();
    encode_footer(&samples::footer(), &mut footer).unwrap();
    let transitions = samples::transitions().into_iter().map(|(_, transition)| {
        let mut value = Vec::new();
        encode_transition(&transition, &mut value).unwrap();
        value
    });
    [claim, footer].into_iter().chain(transitions).collect()
}

fn decode_as_everything(value: &[u8]) -> [Option<Error>; 3] {
    [
        decode_claim(value).err(),
        decode_footer(value).err(),
        decode_transition(value).err(),
    ]
}

#[test]
fn a_value_cut_anywhere_is_refused() {
    for value in values() {
        for length in 0..value.len() {
            let errors = decode_as_everything(&value[..length]);
            assert!(
                errors.iter().all(Option::is_some),
                "{length} of {} bytes were taken: {value:02x?}",
                value.len()
            );
        }
    }
}

#[test]
fn a_value_with_bytes_behind_it_is_refused() {
    for mut value in values() {
        value.push(0);
        assert!(
            decode_as_everything(&value).iter().all(Option::is_some),
            "{value:02x?}"
        );
    }
}

#[test]
fn flipped_bits_do_no_harm() {
    let mut random = Random(7);
    for value in values() {
        for _ in 0..500 {
            let mut damaged = value.clone();
            for _ in 0..=random.below(3) {
                let at = random.below(damaged.len());
                damaged[at] ^= 1 << random.below(8);
            }
            let _refused_or_another_value = decode_as_everything(&damaged);
        }
    }
}

#[test]
fn random_bytes_behind_a_true_header_do_no_harm() {
    let mut random = Random(11);
    for value in values() {
        for _ in 0..500 {
            let mut bytes = value[..10].to_vec();
            bytes.extend(
                (0..random.below(200))
                    .map(|_| (random.next() >> random.below(56)).to_le_bytes()[0]),
            );
            let _refused_or_another_value = decode_as_everything(&bytes);
        }
    }
}

#[test]
fn bytes_without_the_header_are_not_ours() {
    for bytes in [
        &[][..],
        &[0xC3],
        b"{\"json\": true}",
        &[0xC3, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        &[0xC3, 0x01, 0, 0, 0, 0, 0, 0, 0],
    ] {
        let errors = decode_as_everything(bytes);
        assert!(
            errors
                .iter()
                .all(|error| matches!(error, Some(Error::NotSingleObject { .. }))),
            "{bytes:02x?}: {errors:?}"
        );
    }
}

#[test]
fn a_schema_of_a_newer_build_is_named() {
    let value = [
        0xC3, 0x01, 0xEF, 0xCD, 0xAB, 0x89, 0x67, 0x45, 0x23, 0x01, 0x00,
    ];

    let [_, _, error] = decode_as_everything(&value);

    let message = "transition has the schema 0123456789abcdef, which this build does not know: a newer one wrote it";
    assert_eq!(error.unwrap().to_string(), message);
}

#[test]
fn a_value_of_another_kind_is_an_unknown_schema() {
    let [claim, footer, transition] =
        <[Vec<u8>; 3]>::try_from(values().drain(..3).collect::<Vec<_>>()).unwrap();
    for (decoded, value) in [(1, claim), (2, footer), (0, transition)] {
        let errors = decode_as_everything(&value);
        assert!(
            matches!(errors[decoded], Some(Error::UnknownSchema { .. })),
            "{errors:?}"
        );
    }
}

/// An array that claims 2^62 events, and one of 70,000 events of two bytes each.
#[test]
fn lists_that_are_too_long_are_refused_before_they_take_memory() {
    let (_, mut transition) = samples::transitions().pop().unwrap();
    transition.events.clear();
    let mut value = Vec::new();
    encode_transition(&transition, &mut value).unwrap();
    assert_eq!(
        value.pop(),
        Some(0),
        "the empty list of events is the last byte"
    );

    let canceled = [vec![6], vec![0]].concat();
    let claimed = [value.clone(), long(1 << 62), canceled.clone()].concat();
    let many = [value, long(70_000), canceled.repeat(70_000), vec![0]].concat();

    for value in [claimed, many] {
        let error = decode_transition(&value).unwrap_err();
        assert!(
            matches!(&error, Error::Malformed { reason, .. } if reason.contains("max sequence size")),
            "{error}"
        );
    }
}

#[test]
fn a_list_that_would_not_decode_is_not_encoded() {
    let (_, mut transition) = samples::transitions().pop().unwrap();
    transition.events = vec![transition.events.pop().unwrap(); SEQUENCE_MAX + 1];
    let mut into = vec![42];

    let error = encode_transition(&transition, &mut into).unwrap_err();

    assert!(matches!(&error, Error::Unencodable { .. }), "{error}");
    assert_eq!(into, [42]);

    transition.events.pop();
    encode_transition(&transition, &mut into).unwrap();
    assert_eq!(decode_transition(&into[1..]), Ok(transition));
}

#[test]
fn a_number_that_avro_has_not_is_not_encoded() {
    let mut claim = samples::claim();
    claim.closed_retention_ms = u64::MAX;
    let mut into = vec![42];

    let error = encode_claim(&claim, &mut into).unwrap_err();

    assert!(matches!(&error, Error::Unencodable { .. }), "{error}");
    assert_eq!(into, [42]);
}

#[test]
fn a_value_over_the_limit_is_neither_read_nor_written() {
    let mut claim = samples::claim();
    claim.build = "b".repeat(VALUE_BYTES_MAX);

    assert!(matches!(
        encode_claim(&claim, &mut Vec::new()),
        Err(Error::TooLarge { .. })
    ));
    assert!(matches!(
        decode_claim(&vec![0; VALUE_BYTES_MAX + 1]),
        Err(Error::TooLarge { .. })
    ));
}

fn long(number: i64) -> Vec<u8> {
    let mut rest = (number << 1).cast_unsigned();
    let mut bytes = Vec::new();
    while rest >= 0x80 {
        bytes.push(rest.to_le_bytes()[0] | 0x80);
        rest >>= 7;
    }
    bytes.push(rest.to_le_bytes()[0]);
    bytes
}
