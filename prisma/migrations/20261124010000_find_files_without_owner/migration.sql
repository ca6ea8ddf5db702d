-- By hand: uploads under way, and files whose task was deleted, which the sweep takes away. An upload's chunks
-- change neither the key nor the predicate, so that their touches stay heap-only.
CREATE INDEX "file_without_owner_idx" ON "file"("id")
    WHERE "task_id" IS NULL;
