CREATE TABLE "delivery_attempts" (
	"notification_id" uuid NOT NULL,
	"number" integer NOT NULL,
	"started_at" timestamp with time zone NOT NULL,
	"ended_at" timestamp with time zone,
	"outcome" text,
	"error" text,
	CONSTRAINT "delivery_attempts_notification_id_number_pk" PRIMARY KEY("notification_id","number")
);
--> statement-breakpoint
CREATE TABLE "notifications" (
	"id" uuid PRIMARY KEY NOT NULL,
	"channel" text NOT NULL,
	"status" text NOT NULL,
	"priority" text NOT NULL,
	"user_id" uuid,
	"order_id" uuid,
	"recipient" text,
	"subject" text,
	"text" text,
	"html" text,
	"template" text,
	"aggregate_id" uuid,
	"aggregate_version" integer,
	"work_id" text,
	"attempts" integer DEFAULT 0 NOT NULL,
	"last_error" text,
	"version" integer DEFAULT 1 NOT NULL,
	"revision" integer DEFAULT 1 NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"updated_at" timestamp with time zone NOT NULL,
	"sent_at" timestamp with time zone
);
--> statement-breakpoint
CREATE UNIQUE INDEX "notifications_once" ON "notifications" USING btree ("aggregate_id","aggregate_version","template");--> statement-breakpoint
CREATE INDEX "notifications_created" ON "notifications" USING btree ("created_at","id");--> statement-breakpoint
CREATE INDEX "notifications_user" ON "notifications" USING btree ("user_id","created_at","id");--> statement-breakpoint
CREATE INDEX "notifications_order" ON "notifications" USING btree ("order_id","created_at","id") WHERE order_id is not null;--> statement-breakpoint
CREATE INDEX "notifications_recipient" ON "notifications" USING btree ("recipient","created_at","id");--> statement-breakpoint
CREATE INDEX "notifications_unsent" ON "notifications" USING btree ("status","created_at","id") WHERE status <> 'sent';--> statement-breakpoint
CREATE INDEX "notifications_sms" ON "notifications" USING btree ("created_at","id") WHERE channel = 'sms';