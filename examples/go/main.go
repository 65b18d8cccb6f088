// A Muster module in Go: serves health and the callback, registers itself periodically, unregisters on SIGTERM.
package main

import (
	"cmp"
	"context"
	modulev1 "example/module/gen/ai/pipestream/data/module/v1"
	platform "example/module/gen/ai/pipestream/platform/registration/v1"
	"fmt"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"
)

var name, version, host, schema = cmp.Or(os.Getenv("MODULE_NAME"), "hello-go"), cmp.Or(os.Getenv("MODULE_VERSION"), "1.0.0"), cmp.Or(os.Getenv("MODULE_HOST"), "127.0.0.1"), `{"type": "object", "properties": {"greeting": {"type": "string", "maxLength": 80}}}`

type module struct {
	modulev1.UnimplementedPipeStepProcessorServiceServer
}

func (module) GetServiceRegistration(context.Context, *modulev1.GetServiceRegistrationRequest) (*modulev1.GetServiceRegistrationResponse, error) {
	return &modulev1.GetServiceRegistrationResponse{ModuleName: name, Version: version, JsonConfigSchema: &schema, HealthCheckPassed: true}, nil
}

func main() {
	stopping, _ := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	listener, _ := net.Listen("tcp", net.JoinHostPort(host, cmp.Or(os.Getenv("MODULE_PORT"), "0")))
	server := grpc.NewServer()
	modulev1.RegisterPipeStepProcessorServiceServer(server, module{})
	grpc_health_v1.RegisterHealthServer(server, health.NewServer())
	go server.Serve(listener)
	connection, _ := grpc.NewClient(cmp.Or(os.Getenv("MUSTER"), "127.0.0.1:7430"), grpc.WithTransportCredentials(insecure.NewCredentials()))
	muster := platform.NewPlatformRegistrationServiceClient(connection)
	caller := metadata.AppendToOutgoingContext(context.Background(), "authorization", "Bearer "+os.Getenv("TOKEN"))
	every, _ := time.ParseDuration(cmp.Or(os.Getenv("REGISTER_EVERY"), "30") + "s")
	where := &platform.Connectivity{AdvertisedHost: host, AdvertisedPort: int32(listener.Addr().(*net.TCPAddr).Port)}
	for stopping.Err() == nil { // Registering again changes nothing, unless Muster has lost the registration.
		stream, err := muster.Register(caller, &platform.RegisterRequest{Name: name, Type: platform.ServiceType_SERVICE_TYPE_MODULE, Version: version, Connectivity: where})
		for reply := new(platform.RegisterResponse); err == nil; reply, err = stream.Recv() {
			if event := reply.GetEvent(); event != nil {
				fmt.Println(event.EventType, event.Message, event.GetErrorDetail())
			}
		}
		fmt.Println("the stream ended:", err)
		pause, done := context.WithTimeout(stopping, every)
		<-pause.Done()
		done()
	}
	reply, err := muster.Unregister(caller, &platform.UnregisterRequest{Name: name, Host: host, Port: where.AdvertisedPort})
	fmt.Println(cmp.Or[any](err, "UNREGISTERED "+reply.GetMessage()))
	server.GracefulStop()
}
