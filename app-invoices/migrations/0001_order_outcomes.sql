CREATE TABLE "invoice_marks" (
	"order_id" uuid PRIMARY KEY NOT NULL,
	"order_version" integer NOT NULL,
	"paid_at" timestamp with time zone,
	"voided_at" timestamp with time zone,
	"noted_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "invoice_totals" (
	"month" text NOT NULL,
	"currency" text NOT NULL,
	"measure" text NOT NULL,
	"count" bigint NOT NULL,
	"total_cents" bigint NOT NULL,
	CONSTRAINT "invoice_totals_month_currency_measure_pk" PRIMARY KEY("month","currency","measure")
);
--> statement-breakpoint
ALTER TABLE "invoices" ADD COLUMN "customer_name" text;--> statement-breakpoint
ALTER TABLE "invoices" ADD COLUMN "customer_email" text;--> statement-breakpoint
ALTER TABLE "invoices" ADD COLUMN "locale" text;--> statement-breakpoint
ALTER TABLE "invoices" ADD COLUMN "erased_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "invoices" ADD COLUMN "items" jsonb DEFAULT '[]'::jsonb NOT NULL;--> statement-breakpoint
ALTER TABLE "invoices" ADD COLUMN "order_version" integer DEFAULT 1 NOT NULL;--> statement-breakpoint
ALTER TABLE "invoices" ADD COLUMN "month" text;--> statement-breakpoint
ALTER TABLE "invoices" ADD COLUMN "paid_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "invoices" ADD COLUMN "voided_at" timestamp with time zone;--> statement-breakpoint
CREATE INDEX "invoices_uncounted" ON "invoices" USING btree ("id") WHERE month is null;