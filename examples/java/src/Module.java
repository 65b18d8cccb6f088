import ai.pipestream.data.module.v1.*;
import ai.pipestream.platform.registration.v1.*;
import io.grpc.*;
import io.grpc.health.v1.HealthCheckResponse.ServingStatus;
import io.grpc.protobuf.services.HealthStatusManager;
import io.grpc.stub.MetadataUtils;
import io.grpc.stub.StreamObserver;
import java.net.InetSocketAddress;

/** A Muster module in Java: serves health and the callback, registers itself periodically, unregisters on SIGTERM. */
public class Module extends PipeStepProcessorServiceGrpc.PipeStepProcessorServiceImplBase {
    static final String NAME = env("MODULE_NAME", "hello-java");
    static final String VERSION = env("MODULE_VERSION", "1.0.0");
    static final String SCHEMA = "{\"type\": \"object\", \"properties\": {\"greeting\": {\"type\": \"string\", \"maxLength\": 80}}}";

    @Override
    public void getServiceRegistration(GetServiceRegistrationRequest request, StreamObserver<GetServiceRegistrationResponse> answer) {
        answer.onNext(GetServiceRegistrationResponse.newBuilder()
                .setModuleName(NAME).setVersion(VERSION).setJsonConfigSchema(SCHEMA).setHealthCheckPassed(true).build());
        answer.onCompleted();
    }

    public static void main(String[] args) throws Exception {
        var host = env("MODULE_HOST", "127.0.0.1");
        var health = new HealthStatusManager();
        health.setStatus("", ServingStatus.SERVING);
        var address = new InetSocketAddress(host, Integer.parseInt(env("MODULE_PORT", "0")));
        var server = io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder.forAddress(address)
                .addService(new Module()).addService(health.getHealthService()).build().start();

        var token = new Metadata();
        token.put(Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER), "Bearer " + env("TOKEN", "none"));
        var channel = ManagedChannelBuilder.forTarget(env("MUSTER", "127.0.0.1:7430")).usePlaintext()
                .intercept(MetadataUtils.newAttachHeadersInterceptor(token)).build();
        var muster = PlatformRegistrationServiceGrpc.newBlockingStub(channel);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            var where = UnregisterRequest.newBuilder().setName(NAME).setHost(host).setPort(server.getPort()).build();
            System.out.println("UNREGISTERED " + muster.withDeadlineAfter(5, java.util.concurrent.TimeUnit.SECONDS).unregister(where).getMessage());
            server.shutdown();
        }));
        var request = RegisterRequest.newBuilder().setName(NAME).setType(ServiceType.SERVICE_TYPE_MODULE).setVersion(VERSION)
                .setConnectivity(Connectivity.newBuilder().setAdvertisedHost(host).setAdvertisedPort(server.getPort())).build();
        while (true) { // Registering again changes nothing, unless Muster has lost the registration.
            try {
                muster.register(request).forEachRemaining(reply -> {
                    var event = reply.getEvent();
                    System.out.println(event.getEventType() + " " + event.getMessage() + " " + event.getErrorDetail());
                });
            } catch (StatusRuntimeException away) {
                System.out.println(away.getStatus());
            }
            Thread.sleep(Long.parseLong(env("REGISTER_EVERY", "30")) * 1000);
        }
    }

    static String env(String name, String fallback) {
        return System.getenv().getOrDefault(name, fallback);
    }
}
