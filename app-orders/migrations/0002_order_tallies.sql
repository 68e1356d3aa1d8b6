CREATE TABLE "order_tallies" (
	"day" date NOT NULL,
	"status" text NOT NULL,
	"orders" bigint NOT NULL,
	"total_cents" bigint NOT NULL,
	CONSTRAINT "order_tallies_day_status_pk" PRIMARY KEY("day","status")
);
--> statement-breakpoint
CREATE TABLE "order_tally_changes" (
	"day" date NOT NULL,
	"status" text NOT NULL,
	"orders" bigint NOT NULL,
	"total_cents" bigint NOT NULL
);
--> statement-breakpoint
ALTER TABLE "orders" ADD COLUMN "tallied" boolean DEFAULT false NOT NULL;--> statement-breakpoint
CREATE INDEX "orders_untallied" ON "orders" USING btree ("id") WHERE not tallied;