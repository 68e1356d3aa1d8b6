CREATE TABLE "chassis"."erased_subjects" (
	"subject_id" text PRIMARY KEY NOT NULL,
	"erased_at" timestamp with time zone DEFAULT now() NOT NULL,
	"sweeps" integer DEFAULT 0 NOT NULL,
	"next_sweep_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "chassis"."issuer_keys" (
	"issuer" text PRIMARY KEY NOT NULL,
	"jwks" jsonb NOT NULL,
	"fetched_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
ALTER TABLE "chassis"."dead_letters" ADD COLUMN "subject_id" text;--> statement-breakpoint
ALTER TABLE "chassis"."dead_letters" ADD COLUMN "personal_fields" text;--> statement-breakpoint
ALTER TABLE "chassis"."outbox" ADD COLUMN "personal_fields" text;--> statement-breakpoint
CREATE INDEX "erased_subjects_next_sweep_at" ON "chassis"."erased_subjects" USING btree ("next_sweep_at") WHERE next_sweep_at is not null;--> statement-breakpoint
CREATE INDEX "dead_letters_subject" ON "chassis"."dead_letters" USING btree ("subject_id") WHERE subject_id is not null;