import com.fasterxml.jackson.databind.JsonNode;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Future;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringSerializer;

/** Producers, each for one call since each has other settings, and the offsets of what they produced. */
final class Records {
    private final Admin admin;

    Records(Admin admin) {
        this.admin = admin;
    }

    void offer(Map<String, Adapter.Operation> operations) {
        operations.put("produce", this::produce);
        operations.put("transaction", this::transaction);
        operations.put("offset_at", this::offsetAt);
    }

    private Object produce(JsonNode arguments) throws Exception {
        JsonNode settings = arguments.get("settings");
        Map<String, Object> config = new HashMap<>();
        config.put("acks", settings.path("acks").asText("all"));
        config.put("compression.type", settings.path("codec").asText("none"));
        config.put("enable.idempotence", settings.path("idempotence").asBoolean(false));
        config.put("max.request.size", settings.path("max_bytes").asInt(1_048_576));
        try (var producer = producer(config)) {
            int partition = arguments.path("partition").asInt(0);
            return send(producer, arguments.get("topic").asText(), partition, arguments.get("records"));
        }
    }

    private Object transaction(JsonNode arguments) throws Exception {
        try (var producer = producer(new HashMap<>(Map.of("transactional.id", arguments.get("id").asText())))) {
            producer.initTransactions();
            producer.beginTransaction();
            send(producer, arguments.get("topic").asText(), 0, arguments.get("records"));
            if (arguments.get("commit").asBoolean()) {
                producer.commitTransaction();
            } else {
                producer.abortTransaction();
            }
            return null;
        }
    }

    private static KafkaProducer<String, String> producer(Map<String, Object> config) {
        config.put("bootstrap.servers", Adapter.BOOTSTRAP);
        return new KafkaProducer<>(config, new StringSerializer(), new StringSerializer());
    }

    private static List<Long> send(
            KafkaProducer<String, String> producer, String topic, int partition, JsonNode records) throws Exception {
        List<Future<RecordMetadata>> sent = new ArrayList<>();
        for (JsonNode record : records) {
            Long timestamp = record.has("timestamp") ? record.get("timestamp").asLong() : null;
            var made = new ProducerRecord<String, String>(
                topic, partition, timestamp, Adapter.text(record, "key"), Adapter.text(record, "value"));
            for (JsonNode header : record.path("headers")) {
                made.headers().add(header.get(0).asText(), header.get(1).asText().getBytes(StandardCharsets.UTF_8));
            }
            sent.add(producer.send(made));
        }
        producer.flush();
        List<Long> offsets = new ArrayList<>();
        for (var one : sent) {
            offsets.add(one.get().offset());
        }
        return offsets;
    }

    private Object offsetAt(JsonNode arguments) throws Exception {
        var partition = new TopicPartition(arguments.get("topic").asText(), arguments.get("partition").asInt());
        OffsetSpec spec = switch (arguments.get("at").asText()) {
            case "earliest" -> OffsetSpec.earliest();
            case "latest" -> OffsetSpec.latest();
            default -> OffsetSpec.forTimestamp(arguments.get("at").asLong());
        };
        long offset = Adapter.done(admin.listOffsets(Map.of(partition, spec)).partitionResult(partition)).offset();
        return offset < 0 ? null : offset;
    }
}
