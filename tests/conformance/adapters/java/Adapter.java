import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.errors.ApiException;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.utils.AppInfoParser;

/** The Java client as an adapter; ../ADAPTERS.md says what the operations are. */
public final class Adapter {
    static final String BOOTSTRAP = System.getenv("BOOTSTRAP");

    interface Operation {
        Object run(JsonNode arguments) throws Exception;
    }

    /** The client has no call for it. */
    static final class Unsupported extends RuntimeException {
        Unsupported(String why) {
            super(why);
        }
    }

    private final Map<String, Operation> operations = new HashMap<>();

    public static void main(String[] none) throws Exception {
        PrintStream out = System.out;
        System.setOut(System.err); // whatever the client prints is no answer
        Adapter adapter = new Adapter();
        ObjectMapper json = new ObjectMapper();
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        for (String line; (line = in.readLine()) != null; ) {
            out.println(json.writeValueAsString(adapter.answer(json.readTree(line))));
            out.flush();
        }
        System.exit(0); // consumers that are still open have threads
    }

    private Adapter() {
        Admin admin = Admin.create(Map.of("bootstrap.servers", BOOTSTRAP));
        operations.put("hello", arguments -> Map.of("version", AppInfoParser.getVersion(), "lacks", Map.of()));
        new Topics(admin).offer(operations);
        new Records(admin).offer(operations);
        new Members().offer(operations);
        new Groups(admin).offer(operations);
    }

    private Map<String, Object> answer(JsonNode request) {
        Operation operation = operations.get(request.get("op").asText());
        Map<String, Object> answer = new LinkedHashMap<>();
        if (operation == null) {
            answer.put("unsupported", "the client has no call for it");
            return answer;
        }
        try {
            answer.put("ok", operation.run(request));
        } catch (Unsupported why) {
            answer.put("unsupported", why.getMessage());
        } catch (Exception failure) {
            Throwable cause = failure instanceof ExecutionException ? failure.getCause() : failure;
            answer.put("error", nameOf(cause));
            answer.put("text", cause.toString());
        }
        return answer;
    }

    private static String nameOf(Throwable cause) {
        for (Throwable one = cause; one != null; one = one.getCause()) {
            if (one instanceof ApiException && Errors.forException(one) != Errors.UNKNOWN_SERVER_ERROR) {
                return Errors.forException(one).name();
            }
        }
        return cause.getClass().getSimpleName();
    }

    static <T> T done(KafkaFuture<T> future) throws Exception {
        return future.get();
    }

    /** A text, or null if it is absent or null. */
    static String text(JsonNode of, String name) {
        JsonNode found = of.get(name);
        return found == null || found.isNull() ? null : found.asText();
    }

    static Map<String, String> texts(JsonNode object) {
        Map<String, String> found = new LinkedHashMap<>();
        object.fields().forEachRemaining(entry -> found.put(entry.getKey(), entry.getValue().asText()));
        return found;
    }
}
