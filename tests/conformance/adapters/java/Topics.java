import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;

/** Topics, their settings and their beginnings. */
final class Topics {
    private final Admin admin;

    Topics(Admin admin) {
        this.admin = admin;
    }

    void offer(Map<String, Adapter.Operation> operations) {
        operations.put("metadata", this::metadata);
        operations.put("topics", arguments -> Adapter.done(admin.listTopics().names()));
        operations.put("partitions", arguments -> describedPartitions(arguments.get("topic").asText()));
        operations.put("create_topic", this::create);
        operations.put("delete_topic", arguments ->
            Adapter.done(admin.deleteTopics(List.of(arguments.get("topic").asText())).all()));
        operations.put("create_partitions", arguments -> Adapter.done(admin.createPartitions(
            Map.of(arguments.get("topic").asText(), NewPartitions.increaseTo(arguments.get("count").asInt()))).all()));
        operations.put("describe_configs", this::describeConfigs);
        operations.put("alter_configs", this::alterConfigs);
        operations.put("replace_configs", arguments -> {
            throw new Adapter.Unsupported("version 4 of the client has no AlterConfigs any more");
        });
        operations.put("delete_records", this::deleteRecords);
    }

    private Object metadata(JsonNode arguments) throws Exception {
        var cluster = admin.describeCluster();
        List<String> brokers = new ArrayList<>();
        Adapter.done(cluster.nodes()).forEach(node -> brokers.add(node.host() + ":" + node.port()));
        return Map.of("cluster_id", Adapter.done(cluster.clusterId()), "brokers", brokers);
    }

    private int describedPartitions(String topic) throws Exception {
        return Adapter.done(admin.describeTopics(List.of(topic)).allTopicNames()).get(topic).partitions().size();
    }

    private Object create(JsonNode arguments) throws Exception {
        NewTopic topic = new NewTopic(arguments.get("topic").asText(), arguments.get("partitions").asInt(), (short) 1);
        topic.configs(Adapter.texts(arguments.get("configs")));
        return Adapter.done(admin.createTopics(List.of(topic)).all());
    }

    private Object describeConfigs(JsonNode arguments) throws Exception {
        ConfigResource topic = resource(arguments);
        Map<String, Object> found = new LinkedHashMap<>();
        for (ConfigEntry entry : Adapter.done(admin.describeConfigs(List.of(topic)).all()).get(topic).entries()) {
            boolean isDefault = entry.source() == ConfigEntry.ConfigSource.DEFAULT_CONFIG;
            found.put(entry.name(), Map.of("value", String.valueOf(entry.value()), "default", isDefault));
        }
        return found;
    }

    private Object alterConfigs(JsonNode arguments) throws Exception {
        Collection<AlterConfigOp> changes = new ArrayList<>();
        Adapter.texts(arguments.get("set")).forEach((name, value) ->
            changes.add(new AlterConfigOp(new ConfigEntry(name, value), AlterConfigOp.OpType.SET)));
        arguments.get("delete").forEach(name ->
            changes.add(new AlterConfigOp(new ConfigEntry(name.asText(), null), AlterConfigOp.OpType.DELETE)));
        return Adapter.done(admin.incrementalAlterConfigs(Map.of(resource(arguments), changes)).all());
    }

    private Object deleteRecords(JsonNode arguments) throws Exception {
        var partition = new TopicPartition(arguments.get("topic").asText(), arguments.get("partition").asInt());
        var before = RecordsToDelete.beforeOffset(arguments.get("before").asLong());
        var deleted = admin.deleteRecords(Map.of(partition, before)).lowWatermarks().get(partition);
        return Adapter.done(deleted).lowWatermark();
    }

    private static ConfigResource resource(JsonNode arguments) {
        return new ConfigResource(ConfigResource.Type.TOPIC, arguments.get("topic").asText());
    }
}
