-- The first part is what Prisma's engine makes of schema.prisma, the last says by hand what it cannot.
-- PostgreSQL 14 and later. No CREATE SCHEMA: a role with rights in one schema is enough.

-- CreateEnum
CREATE TYPE "task_status" AS ENUM ('queued', 'running', 'succeeded', 'failed', 'cancelled');

-- CreateTable
CREATE TABLE "task_state" (
    "id" UUID NOT NULL,
    "type" TEXT NOT NULL,
    "key" TEXT,
    "group_label" TEXT,
    "title" TEXT NOT NULL,
    "status" "task_status" NOT NULL DEFAULT 'queued',
    "input" JSONB NOT NULL,
    "input_digest" TEXT NOT NULL,
    "percent_done" DOUBLE PRECISION NOT NULL DEFAULT 0,
    "done" DOUBLE PRECISION,
    "total" DOUBLE PRECISION,
    "unit" TEXT,
    "rate_per_second" DOUBLE PRECISION,
    "message" TEXT,
    "attempt" INTEGER NOT NULL DEFAULT 0,
    "failures" INTEGER NOT NULL DEFAULT 0,
    "losses" INTEGER NOT NULL DEFAULT 0,
    "max_attempts" INTEGER NOT NULL,
    "next_attempt_at" TIMESTAMPTZ(3),
    "entry_id" UUID,
    "worker_id" UUID,
    "checkpoint" JSONB,
    "checkpoint_no" INTEGER NOT NULL DEFAULT 0,
    "result" JSONB,
    "error" JSONB,
    "cancel_requested_at" TIMESTAMPTZ(3),
    "replaced_by" UUID,
    "lease_expires_at" TIMESTAMPTZ(3),
    "report_token_hash" TEXT,
    "sequence" BIGINT,
    "revivable" BOOLEAN NOT NULL DEFAULT false,
    "version" INTEGER NOT NULL DEFAULT 1,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "started_at" TIMESTAMPTZ(3),
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "finished_at" TIMESTAMPTZ(3),
    "expires_at" TIMESTAMPTZ(3),

    CONSTRAINT "task_state_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "worker" (
    "id" UUID NOT NULL,
    "host" TEXT NOT NULL,
    "pid" INTEGER NOT NULL,
    "slots" INTEGER NOT NULL,
    "started_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "heard_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "lease_expires_at" TIMESTAMPTZ(3) NOT NULL,
    "lost_at" TIMESTAMPTZ(3),
    "lost_reason" TEXT,
    "lost_with" INTEGER,

    CONSTRAINT "worker_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "task_event" (
    "id" BIGSERIAL NOT NULL,
    "task_id" UUID NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "attempt" INTEGER NOT NULL,
    "kind" TEXT NOT NULL,
    "detail" JSONB,

    CONSTRAINT "task_event_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "file" (
    "id" UUID NOT NULL,
    "task_id" UUID,
    "name" TEXT NOT NULL,
    "content_type" TEXT NOT NULL,
    "size" BIGINT NOT NULL DEFAULT 0,
    "sha256" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "touched_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "completed_at" TIMESTAMPTZ(3),

    CONSTRAINT "file_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "file_chunk" (
    "file_id" UUID NOT NULL,
    "number" INTEGER NOT NULL,
    "data" BYTEA NOT NULL,

    CONSTRAINT "file_chunk_pkey" PRIMARY KEY ("file_id","number")
);

-- CreateTable
CREATE TABLE "dataset" (
    "id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "columns" JSONB NOT NULL,
    "row_count" INTEGER NOT NULL,
    "import_id" UUID NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "dataset_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "dataset_import" (
    "id" UUID NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "dataset_import_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "dataset_row" (
    "import_id" UUID NOT NULL,
    "number" INTEGER NOT NULL,
    "data" JSONB NOT NULL,

    CONSTRAINT "dataset_row_pkey" PRIMARY KEY ("import_id","number")
);

-- CreateIndex
CREATE INDEX "task_state_created_at_id_idx" ON "task_state"("created_at", "id");

-- CreateIndex
CREATE INDEX "task_state_status_created_at_id_idx" ON "task_state"("status", "created_at", "id");

-- CreateIndex
CREATE INDEX "task_state_type_created_at_id_idx" ON "task_state"("type", "created_at", "id");

-- CreateIndex
CREATE INDEX "task_state_type_status_created_at_id_idx" ON "task_state"("type", "status", "created_at", "id");

-- CreateIndex
CREATE INDEX "task_state_group_label_created_at_id_idx" ON "task_state"("group_label", "created_at", "id");

-- CreateIndex
CREATE UNIQUE INDEX "task_state_type_key_key" ON "task_state"("type", "key");

-- CreateIndex
CREATE INDEX "task_event_task_id_id_idx" ON "task_event"("task_id", "id");

-- CreateIndex
CREATE INDEX "file_task_id_idx" ON "file"("task_id");

-- CreateIndex
CREATE UNIQUE INDEX "dataset_name_key" ON "dataset"("name");

-- CreateIndex
CREATE UNIQUE INDEX "dataset_import_id_key" ON "dataset"("import_id");

-- By hand: progress is written over the same rows twice a second. Room on each page keeps those updates
-- heap-only: no index is touched, and the next update of the page clears the dead versions away.
-- Claims and ends do change indexes, so vacuum comes early and does not pause (the table is small), and does
-- not give the end of the file back, for which it would need an exclusive lock.
ALTER TABLE "task_state" SET (
    fillfactor = 70,
    autovacuum_vacuum_threshold = 500,
    autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_vacuum_cost_delay = 0,
    autovacuum_analyze_scale_factor = 0.05,
    vacuum_truncate = off
);

-- By hand: a few rows, each renewed every few seconds, none of its indexes touched.
ALTER TABLE "worker" SET (fillfactor = 50, vacuum_truncate = off);

-- By hand: the tasks of one worker, for those who give it up. Progress changes neither column.
CREATE INDEX "task_state_running_worker_id_idx" ON "task_state"("worker_id")
    WHERE "status" = 'running';

-- By hand: what retention may delete next.
CREATE INDEX "task_state_finished_expires_at_idx" ON "task_state"("expires_at")
    WHERE "status" IN ('succeeded', 'failed', 'cancelled');

-- By hand: chunks are read by range and often hold compressed formats: out of line, not compressed.
ALTER TABLE "file_chunk" ALTER COLUMN "data" SET STORAGE EXTERNAL;

-- By hand: invariants that no statement may break, whoever writes it.
ALTER TABLE "task_state"
    ADD CONSTRAINT "task_state_percent_done_range"
        CHECK ("percent_done" BETWEEN 0 AND 100),
    -- 100 is said once the work is known to have succeeded, and never before.
    ADD CONSTRAINT "task_state_percent_done_complete"
        CHECK (("percent_done" = 100) = ("status" = 'succeeded')),
    -- A queue entry lives exactly as long as its task is queued. External tasks (those with a report token)
    -- have none.
    ADD CONSTRAINT "task_state_entry_while_queued"
        CHECK (("status" = 'queued') = ("entry_id" IS NOT NULL) OR "report_token_hash" IS NOT NULL),
    ADD CONSTRAINT "task_state_finished_at_set"
        CHECK ("status" NOT IN ('succeeded', 'failed', 'cancelled') OR "finished_at" IS NOT NULL);
