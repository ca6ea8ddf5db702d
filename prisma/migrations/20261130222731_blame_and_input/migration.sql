-- AlterTable
ALTER TABLE "task_state" ADD COLUMN     "checkpoint_attempt" INTEGER,
ALTER COLUMN "input_digest" DROP NOT NULL;
