/** Every RPC of WebhookService. All are for admins: endpoints receive what happens, and deliveries show it. */
import { WebhookService } from "../../../gen/muster/approval/v1/webhook_service_pb.ts";
import type { WebhookDeps } from "../../webhooks/deps.ts";
import { served, type Methods, type ServedService } from "../transport/served.ts";
import { getOneDelivery, listSomeDeliveries, redeliverOne, replayAll, testOne } from "./deliveries.ts";
import { createOne, deleteOne, getOne, listSome, updateOne } from "./endpoints.ts";
import { createOneSecret, deleteOneSecret, listSomeSecrets, rotateOneSecret } from "./secrets.ts";

export function webhookService(deps: WebhookDeps): ServedService {
  return served(WebhookService, webhookMethods(deps));
}

function webhookMethods(deps: WebhookDeps): Methods<typeof WebhookService> {
  return {
    createWebhookEndpoint: { access: "admin", call: (request, context) => createOne(deps, request, context) },
    getWebhookEndpoint: { access: "admin", call: (request, context) => getOne(deps, request, context) },
    listWebhookEndpoints: { access: "admin", call: (request, context) => listSome(deps, request, context) },
    updateWebhookEndpoint: { access: "admin", call: (request, context) => updateOne(deps, request, context) },
    deleteWebhookEndpoint: { access: "admin", call: (request, context) => deleteOne(deps, request, context) },
    createWebhookSecret: { access: "admin", call: (request, context) => createOneSecret(deps, request, context) },
    rotateWebhookSecret: { access: "admin", call: (request, context) => rotateOneSecret(deps, request, context) },
    deleteWebhookSecret: { access: "admin", call: (request, context) => deleteOneSecret(deps, request, context) },
    listWebhookSecrets: { access: "admin", call: (request, context) => listSomeSecrets(deps, request, context) },
    listWebhookDeliveries: { access: "admin", call: (request, context) => listSomeDeliveries(deps, request, context) },
    getWebhookDelivery: { access: "admin", call: (request, context) => getOneDelivery(deps, request, context) },
    redeliver: { access: "admin", call: (request, context) => redeliverOne(deps, request, context) },
    replaySince: { access: "admin", call: (request, context) => replayAll(deps, request, context) },
    sendTest: { access: "admin", call: (request, context) => testOne(deps, request, context) },
  };
}
