-- AlterTable
ALTER TABLE "worker" ADD COLUMN     "types" TEXT[];
