CREATE TABLE "partner_decisions" (
	"event_id" uuid PRIMARY KEY NOT NULL,
	"refusal" jsonb,
	"decided_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
ALTER TABLE "orders" ADD COLUMN "origin_partner_id" uuid;--> statement-breakpoint
ALTER TABLE "orders" ADD COLUMN "origin_event_id" uuid;--> statement-breakpoint
ALTER TABLE "price_list" ADD COLUMN "sku" text;--> statement-breakpoint
CREATE UNIQUE INDEX "orders_origin_event" ON "orders" USING btree ("origin_event_id") WHERE origin_event_id is not null;--> statement-breakpoint
CREATE INDEX "price_list_sku" ON "price_list" USING btree ("sku");--> statement-breakpoint
CREATE INDEX "price_list_without_sku" ON "price_list" USING btree ("product_id") WHERE sku is null and deleted_at is null;