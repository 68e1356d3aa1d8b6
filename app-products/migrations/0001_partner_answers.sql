CREATE TABLE "partner_answers" (
	"event_id" uuid PRIMARY KEY NOT NULL,
	"adjusted" jsonb,
	"refused" jsonb
);
