CREATE TABLE "customers" (
	"id" uuid PRIMARY KEY NOT NULL,
	"version" integer NOT NULL,
	"name" text,
	"email" text,
	"locale" text,
	"status" text NOT NULL,
	"deleted_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "price_list" (
	"product_id" uuid PRIMARY KEY NOT NULL,
	"version" integer NOT NULL,
	"name" text NOT NULL,
	"price_cents" bigint NOT NULL,
	"currency" text NOT NULL,
	"deleted_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "refill_kinds" (
	"request_id" uuid NOT NULL,
	"kind" text NOT NULL,
	"expected" integer,
	"received" integer DEFAULT 0 NOT NULL,
	CONSTRAINT "refill_kinds_request_id_kind_pk" PRIMARY KEY("request_id","kind")
);
--> statement-breakpoint
CREATE TABLE "refills" (
	"request_id" uuid PRIMARY KEY NOT NULL,
	"attempt" integer NOT NULL,
	"requested_at" timestamp with time zone NOT NULL,
	"completed_at" timestamp with time zone,
	"replaced_at" timestamp with time zone
);
--> statement-breakpoint
ALTER TABLE "order_history" ADD COLUMN "reason_typed" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "orders" ADD COLUMN "user_name" text;--> statement-breakpoint
ALTER TABLE "orders" ADD COLUMN "user_locale" text;--> statement-breakpoint
ALTER TABLE "orders" ADD COLUMN "items" jsonb DEFAULT '[]'::jsonb NOT NULL;--> statement-breakpoint
ALTER TABLE "orders" ADD COLUMN "shipping_address" jsonb;--> statement-breakpoint
ALTER TABLE "orders" ADD COLUMN "payment_received" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "orders" ADD COLUMN "payment_reference" text;--> statement-breakpoint
CREATE UNIQUE INDEX "refills_open" ON "refills" USING btree ((completed_at is null)) WHERE completed_at is null and replaced_at is null;--> statement-breakpoint
CREATE INDEX "refills_requested_at" ON "refills" USING btree ("requested_at");