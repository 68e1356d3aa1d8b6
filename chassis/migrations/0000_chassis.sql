CREATE SCHEMA "chassis";
--> statement-breakpoint
CREATE TABLE "chassis"."dead_letters" (
	"id" uuid PRIMARY KEY NOT NULL,
	"queue" text NOT NULL,
	"message_id" text NOT NULL,
	"type" text NOT NULL,
	"reason" text NOT NULL,
	"error" text,
	"attempts" integer NOT NULL,
	"fingerprint" text NOT NULL,
	"trace_id" text,
	"aggregate_id" text,
	"payload" text NOT NULL,
	"headers" jsonb NOT NULL,
	"died_at" timestamp with time zone DEFAULT now() NOT NULL,
	"replayed_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "chassis"."idempotency_keys" (
	"scope" text NOT NULL,
	"key" text NOT NULL,
	"claim_id" uuid NOT NULL,
	"request_hash" text NOT NULL,
	"status" integer,
	"headers" jsonb,
	"body" jsonb,
	"subject_id" text,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "idempotency_keys_scope_key_pk" PRIMARY KEY("scope","key")
);
--> statement-breakpoint
CREATE TABLE "chassis"."outbox" (
	"id" uuid PRIMARY KEY NOT NULL,
	"message_id" text,
	"type" text NOT NULL,
	"queue" text,
	"aggregate_type" text NOT NULL,
	"aggregate_id" text NOT NULL,
	"aggregate_version" bigint,
	"payload" jsonb NOT NULL,
	"headers" jsonb NOT NULL,
	"subject_id" text,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"published_at" timestamp with time zone,
	"unrouted_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "chassis"."processed_messages" (
	"consumer" text NOT NULL,
	"message_id" text NOT NULL,
	"processed_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "processed_messages_consumer_message_id_pk" PRIMARY KEY("consumer","message_id")
);
--> statement-breakpoint
CREATE TABLE "chassis"."suspect_messages" (
	"consumer" text NOT NULL,
	"message_id" text NOT NULL,
	"deliveries" integer NOT NULL,
	"seen_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "suspect_messages_consumer_message_id_pk" PRIMARY KEY("consumer","message_id")
);
--> statement-breakpoint
CREATE INDEX "dead_letters_fingerprint" ON "chassis"."dead_letters" USING btree ("fingerprint","id");--> statement-breakpoint
CREATE UNIQUE INDEX "dead_letters_message" ON "chassis"."dead_letters" USING btree ("queue","message_id") WHERE replayed_at is null;--> statement-breakpoint
CREATE INDEX "idempotency_keys_created_at" ON "chassis"."idempotency_keys" USING brin ("created_at");--> statement-breakpoint
CREATE INDEX "idempotency_keys_subject" ON "chassis"."idempotency_keys" USING btree ("subject_id") WHERE subject_id is not null;--> statement-breakpoint
CREATE INDEX "outbox_pending" ON "chassis"."outbox" USING btree ("id") WHERE published_at is null and unrouted_at is null;--> statement-breakpoint
CREATE INDEX "outbox_unrouted" ON "chassis"."outbox" USING btree ("unrouted_at") WHERE unrouted_at is not null;--> statement-breakpoint
CREATE INDEX "outbox_subject" ON "chassis"."outbox" USING btree ("subject_id") WHERE subject_id is not null;--> statement-breakpoint
CREATE INDEX "processed_messages_processed_at" ON "chassis"."processed_messages" USING brin ("processed_at");