import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;

/** Groups as an administrator sees them. */
final class Groups {
    private final Admin admin;

    Groups(Admin admin) {
        this.admin = admin;
    }

    void offer(Map<String, Adapter.Operation> operations) {
        operations.put("groups", arguments ->
            Adapter.done(admin.listGroups().all()).stream().map(group -> group.groupId()).toList());
        operations.put("describe_group", this::describe);
        operations.put("delete_group", arguments ->
            Adapter.done(admin.deleteConsumerGroups(List.of(arguments.get("group").asText())).all()));
        operations.put("committed", this::committed);
        operations.put("set_offset", this::setOffset);
        operations.put("delete_offset", arguments -> Adapter.done(admin.deleteConsumerGroupOffsets(
            arguments.get("group").asText(), Set.of(partition(arguments))).all()));
    }

    private Object describe(JsonNode arguments) throws Exception {
        String name = arguments.get("group").asText();
        var group = Adapter.done(admin.describeConsumerGroups(List.of(name)).all()).get(name);
        List<Object> members = new ArrayList<>();
        group.members().forEach(member ->
            members.add(member.assignment().topicPartitions().stream().map(TopicPartition::partition).sorted().toList()));
        return Map.of("state", group.groupState().toString(), "strategy", group.partitionAssignor(), "members", members);
    }

    private Object committed(JsonNode arguments) throws Exception {
        Map<String, Long> found = new LinkedHashMap<>();
        var offsets = admin.listConsumerGroupOffsets(arguments.get("group").asText());
        Adapter.done(offsets.partitionsToOffsetAndMetadata()).forEach((partition, offset) -> {
            if (offset != null && partition.topic().equals(arguments.get("topic").asText())) {
                found.put(String.valueOf(partition.partition()), offset.offset());
            }
        });
        return found;
    }

    private Object setOffset(JsonNode arguments) throws Exception {
        var offset = new OffsetAndMetadata(arguments.get("offset").asLong());
        return Adapter.done(admin.alterConsumerGroupOffsets(
            arguments.get("group").asText(), Map.of(partition(arguments), offset)).all());
    }

    private static TopicPartition partition(JsonNode arguments) {
        return new TopicPartition(arguments.get("topic").asText(), arguments.get("partition").asInt());
    }
}
