CREATE TABLE "deliveries" (
	"id" uuid PRIMARY KEY NOT NULL,
	"event_id" uuid NOT NULL,
	"partner_id" uuid NOT NULL,
	"type" text NOT NULL,
	"body" jsonb,
	"status" text NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"updated_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "delivery_attempts" (
	"delivery_id" uuid NOT NULL,
	"number" integer NOT NULL,
	"url" text,
	"started_at" timestamp with time zone NOT NULL,
	"ended_at" timestamp with time zone,
	"delivered" boolean,
	"http_status" integer,
	"error" text,
	CONSTRAINT "delivery_attempts_delivery_id_number_pk" PRIMARY KEY("delivery_id","number")
);
--> statement-breakpoint
CREATE TABLE "event_steps" (
	"event_id" uuid NOT NULL,
	"number" integer NOT NULL,
	"state" text NOT NULL,
	"detail" text,
	"at" timestamp with time zone NOT NULL,
	CONSTRAINT "event_steps_event_id_number_pk" PRIMARY KEY("event_id","number")
);
--> statement-breakpoint
CREATE TABLE "event_tallies" (
	"partner_id" uuid NOT NULL,
	"kind" text NOT NULL,
	"state" text NOT NULL,
	"events" bigint NOT NULL,
	CONSTRAINT "event_tallies_partner_id_kind_state_pk" PRIMARY KEY("partner_id","kind","state")
);
--> statement-breakpoint
CREATE TABLE "event_tally_changes" (
	"partner_id" uuid NOT NULL,
	"kind" text NOT NULL,
	"was" text,
	"state" text NOT NULL,
	"settled_after_ms" bigint
);
--> statement-breakpoint
CREATE TABLE "events" (
	"id" uuid PRIMARY KEY NOT NULL,
	"partner_id" uuid NOT NULL,
	"partner_reference" text,
	"kind" text NOT NULL,
	"data" jsonb,
	"content_hash" text NOT NULL,
	"state" text NOT NULL,
	"attempts" integer DEFAULT 0 NOT NULL,
	"order_id" uuid,
	"outcome" jsonb,
	"due_at" timestamp with time zone,
	"version" integer DEFAULT 1 NOT NULL,
	"received_at" timestamp with time zone NOT NULL,
	"updated_at" timestamp with time zone NOT NULL,
	"settled_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "partner_keys" (
	"id" uuid PRIMARY KEY NOT NULL,
	"partner_id" uuid NOT NULL,
	"label" text,
	"hash" text NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"revoked_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "partners" (
	"id" uuid PRIMARY KEY NOT NULL,
	"name" text,
	"email" text,
	"status" text DEFAULT 'active' NOT NULL,
	"limit_per_minute" integer,
	"limit_per_second" integer,
	"webhook_url" text,
	"webhook_secret" text,
	"version" integer DEFAULT 1 NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"updated_at" timestamp with time zone NOT NULL,
	"deleted_at" timestamp with time zone
);
--> statement-breakpoint
CREATE UNLOGGED TABLE "rate_limits" (
	"key" text PRIMARY KEY NOT NULL,
	"points" integer NOT NULL,
	"expire" bigint
);
--> statement-breakpoint
CREATE INDEX "deliveries_event" ON "deliveries" USING btree ("event_id","id");--> statement-breakpoint
CREATE UNIQUE INDEX "events_reference" ON "events" USING btree ("partner_id","partner_reference") WHERE partner_reference is not null;--> statement-breakpoint
CREATE INDEX "events_partner" ON "events" USING btree ("partner_id","id");--> statement-breakpoint
CREATE INDEX "events_partner_state" ON "events" USING btree ("partner_id","state","id");--> statement-breakpoint
CREATE INDEX "events_partner_kind" ON "events" USING btree ("partner_id","kind","id");--> statement-breakpoint
CREATE INDEX "events_state" ON "events" USING btree ("state","id");--> statement-breakpoint
CREATE INDEX "events_kind" ON "events" USING btree ("kind","id");--> statement-breakpoint
CREATE INDEX "events_order" ON "events" USING btree ("order_id");--> statement-breakpoint
CREATE INDEX "events_due" ON "events" USING btree ("due_at") WHERE due_at is not null;--> statement-breakpoint
CREATE INDEX "partner_keys_partner" ON "partner_keys" USING btree ("partner_id","id");--> statement-breakpoint
CREATE INDEX "partners_created_at" ON "partners" USING btree ("created_at","id");