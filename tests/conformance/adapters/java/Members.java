import com.fasterxml.jackson.databind.JsonNode;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Deque;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;

/** Consumers, of groups or of one partition. */
final class Members {
    private static final int HEARTBEAT_MS = 500;
    private static final Map<String, String> STRATEGIES = Map.of(
        "range", "RangeAssignor", "roundrobin", "RoundRobinAssignor",
        "sticky", "StickyAssignor", "cooperative-sticky", "CooperativeStickyAssignor");

    /** A consumer, what it has read beyond what was asked for, and the partitions that it gave back. */
    private static final class Member implements ConsumerRebalanceListener {
        final KafkaConsumer<String, String> consumer;
        final Deque<ConsumerRecord<String, String>> records = new ArrayDeque<>();
        final List<Integer> lost = new ArrayList<>();

        Member(Map<String, Object> config) {
            consumer = new KafkaConsumer<>(config, new StringDeserializer(), new StringDeserializer());
        }

        void turn(long waitMs) {
            consumer.poll(Duration.ofMillis(waitMs)).forEach(records::add);
        }

        @Override
        public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
            partitions.forEach(one -> lost.add(one.partition()));
        }

        @Override
        public void onPartitionsAssigned(Collection<TopicPartition> partitions) {}
    }

    private final Map<String, Member> members = new HashMap<>();

    void offer(Map<String, Adapter.Operation> operations) {
        operations.put("open", this::open);
        operations.put("poll", this::poll);
        operations.put("assignment", this::assignment);
        operations.put("commit", this::commit);
        operations.put("close", arguments -> close(arguments.get("consumer").asText()));
        operations.put("close_all", arguments -> {
            new ArrayList<>(members.keySet()).forEach(this::close);
            return null;
        });
    }

    private Object open(JsonNode arguments) {
        Member member = new Member(config(arguments));
        members.put(arguments.get("consumer").asText(), member);
        String topic = arguments.get("topic").asText();
        if (arguments.has("group")) {
            member.consumer.subscribe(List.of(topic), member);
            return null;
        }
        var partition = new TopicPartition(topic, arguments.path("partition").asInt(0));
        member.consumer.assign(List.of(partition));
        switch (arguments.get("start").asText()) {
            case "earliest" -> member.consumer.seekToBeginning(List.of(partition));
            case "latest" -> member.consumer.seekToEnd(List.of(partition));
            default -> member.consumer.seek(partition, arguments.get("start").asLong());
        }
        return null;
    }

    private static Map<String, Object> config(JsonNode arguments) {
        Map<String, Object> config = new HashMap<>();
        config.put("bootstrap.servers", Adapter.BOOTSTRAP);
        config.put("enable.auto.commit", false);
        config.put("auto.offset.reset", arguments.get("start").isTextual() ? arguments.get("start").asText() : "none");
        config.put("isolation.level", arguments.path("isolation").asText("read_uncommitted"));
        config.put("fetch.max.wait.ms", arguments.path("fetch_wait_ms").asInt(500));
        if (arguments.has("group")) {
            String strategy = STRATEGIES.get(arguments.path("strategy").asText("range"));
            config.put("group.id", arguments.get("group").asText());
            config.put("partition.assignment.strategy", "org.apache.kafka.clients.consumer." + strategy);
            config.put("session.timeout.ms", arguments.path("session_ms").asInt(45_000));
            config.put("heartbeat.interval.ms", HEARTBEAT_MS);
        }
        if (Adapter.text(arguments, "instance") != null) {
            config.put("group.instance.id", Adapter.text(arguments, "instance"));
        }
        return config;
    }

    private Object poll(JsonNode arguments) {
        Member member = member(arguments);
        int count = arguments.get("count").asInt();
        long end = System.nanoTime() + arguments.get("wait_ms").asLong() * 1_000_000;
        for (long left; member.records.size() < count && (left = end - System.nanoTime()) > 0; ) {
            member.turn(left / 1_000_000 + 1);
        }
        List<Object> given = new ArrayList<>();
        while (given.size() < count && !member.records.isEmpty()) {
            given.add(shown(member.records.poll()));
        }
        return given;
    }

    private static Object shown(ConsumerRecord<String, String> record) {
        List<Object> headers = new ArrayList<>();
        record.headers().forEach(one ->
            headers.add(List.of(one.key(), new String(one.value(), StandardCharsets.UTF_8))));
        Map<String, Object> shown = new LinkedHashMap<>();
        shown.put("partition", record.partition());
        shown.put("offset", record.offset());
        shown.put("timestamp", record.timestamp());
        shown.put("timestamp_type", record.timestampType().name);
        shown.put("key", record.key());
        shown.put("value", record.value());
        shown.put("headers", headers);
        return shown;
    }

    private Object assignment(JsonNode arguments) {
        Member member = member(arguments);
        member.turn(arguments.get("wait_ms").asLong());
        List<Integer> partitions = new ArrayList<>();
        member.consumer.assignment().forEach(one -> partitions.add(one.partition()));
        partitions.sort(null);
        return Map.of("partitions", partitions, "lost", member.lost);
    }

    private Object commit(JsonNode arguments) {
        var partition = new TopicPartition(arguments.get("topic").asText(), arguments.get("partition").asInt());
        member(arguments).consumer.commitSync(Map.of(partition, new OffsetAndMetadata(arguments.get("offset").asLong())));
        return null;
    }

    private Object close(String name) {
        members.remove(name).consumer.close();
        return null;
    }

    private Member member(JsonNode arguments) {
        return members.get(arguments.get("consumer").asText());
    }
}
