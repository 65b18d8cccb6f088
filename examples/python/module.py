"""A Muster module in Python: serves health and the callback, registers itself periodically, unregisters on SIGTERM."""
import os
import signal
import sys
from concurrent import futures

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "gen"))  # the stubs, see README.md
from ai.pipestream.data.module.v1 import module_service_pb2 as module_pb2
from ai.pipestream.data.module.v1 import module_service_pb2_grpc as module_grpc
from ai.pipestream.platform.registration.v1 import platform_registration_pb2 as platform_pb2
from ai.pipestream.platform.registration.v1 import platform_registration_pb2_grpc as platform_grpc

NAME = os.environ.get("MODULE_NAME", "hello-python")
VERSION = os.environ.get("MODULE_VERSION", "1.0.0")
HOST = os.environ.get("MODULE_HOST", "127.0.0.1")
MUSTER = os.environ.get("MUSTER", "127.0.0.1:7430")
AUTH = [("authorization", "Bearer " + os.environ["TOKEN"])] if "TOKEN" in os.environ else []
SCHEMA = '{"type": "object", "properties": {"greeting": {"type": "string", "maxLength": 80}}}'


class Module(module_grpc.PipeStepProcessorServiceServicer):
    def GetServiceRegistration(self, request, context):
        return module_pb2.GetServiceRegistrationResponse(
            module_name=NAME, version=VERSION, json_config_schema=SCHEMA, health_check_passed=True, sdk_version="python")


def main():
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
    module_grpc.add_PipeStepProcessorServiceServicer_to_server(Module(), server)
    servicer = health.HealthServicer()
    servicer.set("", health_pb2.HealthCheckResponse.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    port = server.add_insecure_port(f"{HOST}:{os.environ.get('MODULE_PORT', '0')}")
    server.start()

    muster = platform_grpc.PlatformRegistrationServiceStub(grpc.insecure_channel(MUSTER))
    request = platform_pb2.RegisterRequest(
        name=NAME, type=platform_pb2.SERVICE_TYPE_MODULE, version=VERSION,
        connectivity=platform_pb2.Connectivity(advertised_host=HOST, advertised_port=port))
    every = float(os.environ.get("REGISTER_EVERY", "30"))
    while True:  # Registering again changes nothing, unless Muster has lost the registration.
        try:
            for reply in muster.Register(request, metadata=AUTH):
                print(platform_pb2.EventType.Name(reply.event.event_type), reply.event.message, reply.event.error_detail, flush=True)
        except grpc.RpcError as error:
            print(error.code().name, error.details(), flush=True)
        if signal.sigtimedwait({signal.SIGTERM, signal.SIGINT}, every):
            break
    reply = muster.Unregister(platform_pb2.UnregisterRequest(name=NAME, host=HOST, port=port), metadata=AUTH, timeout=5)
    print("UNREGISTERED", reply.message, flush=True)
    server.stop(grace=2).wait()


if __name__ == "__main__":
    main()
