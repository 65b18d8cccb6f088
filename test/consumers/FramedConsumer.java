/**
 * A consumer of framed events as platforms in Java have them: stock Kafka client, UUID keys, Apicurio's protobuf deserializer.
 * Arguments: broker, registry URL, topic, how many records to wait for. Prints a line a record: whether the key is the UUID of the
 * subject's id, the Java class that the deserializer derives for it, protobuf JSON.
 */
import com.google.protobuf.DynamicMessage;
import com.google.protobuf.util.JsonFormat;
import io.apicurio.registry.serde.protobuf.ProtobufDeserializer;
import io.apicurio.registry.serde.protobuf.ProtobufKafkaDeserializer;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.serialization.UUIDDeserializer;

public class FramedConsumer {
    public static void main(String[] args) throws Exception {
        int missing = Integer.parseInt(args[3]);
        Map<String, Object> config = Map.of(
                "bootstrap.servers", args[0],
                "apicurio.registry.url", args[1],
                "group.id", "framed-" + UUID.randomUUID(),
                "auto.offset.reset", "earliest",
                "key.deserializer", UUIDDeserializer.class,
                "value.deserializer", ProtobufKafkaDeserializer.class);
        try (KafkaConsumer<UUID, DynamicMessage> consumer = new KafkaConsumer<>(config)) {
            consumer.subscribe(List.of(args[2]));
            long deadline = System.nanoTime() + Duration.ofSeconds(40).toNanos();
            while (missing > 0 && System.nanoTime() < deadline) {
                for (var record : consumer.poll(Duration.ofMillis(500))) {
                    DynamicMessage message = record.value();
                    UUID expected = UUID.nameUUIDFromBytes(record.headers().lastHeader("ce_subject").value());
                    String type = new ProtobufDeserializer<>().deriveClassFromDescriptor(message.getDescriptorForType());
                    String json = JsonFormat.printer().omittingInsignificantWhitespace().print(message);
                    System.out.println(record.key().equals(expected) + "\t" + type + "\t" + json);
                    missing -= 1;
                }
            }
        }
        System.exit(missing == 0 ? 0 : 1);
    }
}
