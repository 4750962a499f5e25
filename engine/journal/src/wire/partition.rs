//! Which partition a key belongs to: the hash of Kafka's Java client.

/// The partition that a key belongs to, as Kafka's Java client computes it.
///
/// A workflow id belongs to `partition_of(id, P)`; a task goes to `partition_of(task_id, n)` of its queue's topic.
///
/// # Panics
/// When `partitions` is not positive: no topic is without partitions.
///
/// # Example: where an order's records lie
/// ```
/// use sagaline_journal::wire::partition_of;
///
/// assert_eq!(partition_of(b"order-1", 12), partition_of(b"order-1", 12));
/// assert!((0..12).contains(&partition_of(b"order-1", 12)));
/// ```
#[must_use]
pub fn partition_of(key: &[u8], partitions: i32) -> i32 {
    assert!(partitions > 0, "a topic has at least one partition");
    (murmur2(key) & 0x7fff_ffff) % partitions
}

/// MurmurHash2, 32 bits, with the seed of `org.apache.kafka.common.utils.Utils.murmur2`.
fn murmur2(data: &[u8]) -> i32 {
    const SEED: u32 = 0x9747_b28c;
    const M: u32 = 0x5bd1_e995;
    const R: u32 = 24;
    let length = u32::try_from(data.len()).expect("a key is far below 4 GB");

    let mut hash = SEED ^ length;
    let (words, rest) = data.as_chunks::<4>();
    for word in words {
        let mut k = u32::from_le_bytes(*word).wrapping_mul(M);
        k ^= k >> R;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    if !rest.is_empty() {
        let mut last = [0; 4];
        last[..rest.len()].copy_from_slice(rest);
        hash = (hash ^ u32::from_le_bytes(last)).wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^= hash >> 15;
    hash.cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The values of `UtilsTest.testMurmur2` in Apache Kafka's sources.
    #[test]
    fn murmur2_gives_what_javas_gives() {
        let known: [(&[u8], i32); 6] = [
            (b"21", -973_932_308),
            (b"foobar", -790_332_482),
            (b"a-little-bit-long-string", -985_981_536),
            (b"a-little-bit-longer-string", -1_486_304_829),
            (
                b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8",
                -58_897_971,
            ),
            (b"abc", 479_470_107),
        ];

        for (key, hash) in known {
            assert_eq!(murmur2(key), hash, "{}", String::from_utf8_lossy(key));
        }
    }

    #[test]
    fn a_negative_hash_still_gives_a_partition() {
        let partition = partition_of(b"21", 12);

        assert_eq!(partition, (-973_932_308_i32 & 0x7fff_ffff) % 12);
        assert!((0..12).contains(&partition));
    }

    #[test]
    fn an_empty_key_has_a_partition() {
        assert!((0..12).contains(&partition_of(b"", 12)));
    }
}
