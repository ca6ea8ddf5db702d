-- AlterTable
ALTER TABLE "task_state" ADD COLUMN     "usual_p50_seconds" DOUBLE PRECISION,
ADD COLUMN     "usual_p90_seconds" DOUBLE PRECISION,
ADD COLUMN     "usual_runs" INTEGER;

-- CreateTable
CREATE TABLE "task_tally" (
    "id" BIGSERIAL NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "type" TEXT NOT NULL,
    "outcome" TEXT NOT NULL,
    "is_whole" BOOLEAN NOT NULL,
    "durations_ms" REAL[],

    CONSTRAINT "task_tally_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "task_minute" (
    "minutes" INTEGER NOT NULL,
    "start" TIMESTAMPTZ(0) NOT NULL,
    "type" TEXT NOT NULL,
    "outcome" TEXT NOT NULL,
    "count" INTEGER NOT NULL,
    "total_ms" DOUBLE PRECISION NOT NULL,
    "buckets" SMALLINT[],
    "counts" INTEGER[],

    CONSTRAINT "task_minute_pkey" PRIMARY KEY ("minutes","start","type","outcome")
);

-- CreateTable
CREATE TABLE "task_usual" (
    "type" TEXT NOT NULL,
    "recent_ms" REAL[],
    "runs" INTEGER,
    "p50_seconds" DOUBLE PRECISION,
    "p90_seconds" DOUBLE PRECISION,

    CONSTRAINT "task_usual_pkey" PRIMARY KEY ("type")
);

-- By hand: the tally's rows live for seconds. They are read by the primary key alone, so the room of deleted rows is
-- only re-used, never given back: that would need a lock that keeps ends waiting.
ALTER TABLE "task_tally" SET (
    autovacuum_vacuum_threshold = 1000,
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_cost_delay = 0,
    vacuum_truncate = off
);

-- By hand: a few rows are written over every few seconds, and no index is touched: room on each page keeps these
-- updates heap-only.
ALTER TABLE "task_minute" SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
ALTER TABLE "task_usual" SET (fillfactor = 30);
