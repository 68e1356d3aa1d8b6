CREATE SCHEMA "model";
--> statement-breakpoint
CREATE TABLE "model"."invoices" (
	"id" uuid PRIMARY KEY NOT NULL,
	"version" integer NOT NULL,
	"order_id" uuid NOT NULL,
	"number" text NOT NULL,
	"user_id" uuid,
	"status" text NOT NULL,
	"total_cents" bigint NOT NULL,
	"currency" text NOT NULL,
	"issued_at" timestamp with time zone NOT NULL,
	"paid_at" timestamp with time zone,
	"voided_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "model"."notifications" (
	"id" uuid PRIMARY KEY NOT NULL,
	"version" integer NOT NULL,
	"order_id" uuid,
	"user_id" uuid,
	"channel" text NOT NULL,
	"template" text,
	"recipient" text,
	"status" text NOT NULL,
	"at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "model"."orders" (
	"id" uuid PRIMARY KEY NOT NULL,
	"version" integer NOT NULL,
	"user_id" uuid,
	"customer_name" text,
	"customer_email" text,
	"status" text NOT NULL,
	"items" jsonb NOT NULL,
	"total_cents" bigint NOT NULL,
	"currency" text NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"changed_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "model"."products" (
	"id" uuid PRIMARY KEY NOT NULL,
	"version" integer NOT NULL,
	"sku" text,
	"name" text,
	"price_cents" bigint,
	"currency" text,
	"category" text,
	"created_at" timestamp with time zone,
	"updated_at" timestamp with time zone,
	"deleted_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "rebuild_kinds" (
	"request_id" uuid NOT NULL,
	"kind" text NOT NULL,
	"expected" integer,
	"received" integer DEFAULT 0 NOT NULL,
	CONSTRAINT "rebuild_kinds_request_id_kind_pk" PRIMARY KEY("request_id","kind")
);
--> statement-breakpoint
CREATE TABLE "rebuilds" (
	"request_id" uuid PRIMARY KEY NOT NULL,
	"state" text NOT NULL,
	"started_at" timestamp with time zone NOT NULL,
	"progressed_at" timestamp with time zone NOT NULL,
	"finished_at" timestamp with time zone,
	"reason" text
);
--> statement-breakpoint
CREATE TABLE "model"."stocks" (
	"product_id" uuid PRIMARY KEY NOT NULL,
	"version" integer NOT NULL,
	"available" integer NOT NULL,
	"reserved" integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE "timeline" (
	"position" bigserial PRIMARY KEY NOT NULL,
	"message_id" text NOT NULL,
	"order_id" uuid NOT NULL,
	"user_id" uuid,
	"type" text NOT NULL,
	"service" text NOT NULL,
	"version" integer,
	"note" text,
	"trace_id" text NOT NULL,
	"published_at" timestamp with time zone NOT NULL,
	"projected_at" timestamp with time zone NOT NULL,
	CONSTRAINT "timeline_message_id_unique" UNIQUE("message_id")
);
--> statement-breakpoint
CREATE TABLE "model"."users" (
	"id" uuid PRIMARY KEY NOT NULL,
	"version" integer NOT NULL,
	"name" text,
	"email" text,
	"role" text,
	"status" text,
	"locale" text,
	"created_at" timestamp with time zone,
	"updated_at" timestamp with time zone,
	"deleted_at" timestamp with time zone
);
--> statement-breakpoint
CREATE INDEX "invoices_order" ON "model"."invoices" USING btree ("order_id");--> statement-breakpoint
CREATE INDEX "invoices_issued" ON "model"."invoices" USING btree ("issued_at");--> statement-breakpoint
CREATE INDEX "notifications_order" ON "model"."notifications" USING btree ("order_id","at");--> statement-breakpoint
CREATE INDEX "notifications_user" ON "model"."notifications" USING btree ("user_id");--> statement-breakpoint
CREATE INDEX "notifications_unnamed" ON "model"."notifications" USING btree ("recipient") WHERE user_id is null;--> statement-breakpoint
CREATE INDEX "orders_user" ON "model"."orders" USING btree ("user_id","id");--> statement-breakpoint
CREATE INDEX "orders_status" ON "model"."orders" USING btree ("status","id");--> statement-breakpoint
CREATE INDEX "products_category" ON "model"."products" USING btree ("category","id");--> statement-breakpoint
CREATE UNIQUE INDEX "rebuilds_running" ON "rebuilds" USING btree ("state") WHERE state = 'running';--> statement-breakpoint
CREATE INDEX "timeline_order" ON "timeline" USING btree ("order_id","position");--> statement-breakpoint
CREATE INDEX "timeline_user" ON "timeline" USING btree ("user_id","position");