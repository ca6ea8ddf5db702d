-- AlterTable
ALTER TABLE "task_state" ADD COLUMN     "eta_seconds" DOUBLE PRECISION,
ADD COLUMN     "progressed_at" TIMESTAMPTZ(3);
