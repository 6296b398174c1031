# The environments of the atlas command, which plans and applies schema.sql like
# `todod migrate`:
#
#   go tool -modfile=tools/atlas.mod atlas schema apply --env neon
#
# prints the plan and asks before it applies it. All environments take
#
#   DATABASE_URL         the database; neon prefers DATABASE_DIRECT_URL
#   ATLAS_DEV_URL        an empty database in which Atlas computes the plan
#
# `make migrate-plan` prints the plan for a database and provides the empty one.
# The command does less than `todod migrate`. It takes no lock. It drops enum types that
# schema.sql doesn't have, and checks that others added. It doesn't notice a changed check
# whose name stayed the same. It validates a new check on all rows at once.

variable "allow_destructive" {
  type    = bool
  default = false
}

locals {
  # The command's driver doesn't know channel_binding, which Neon's URLs have.
  url        = regexreplace(getenv("DATABASE_URL"), "channel_binding=[a-z]+&?", "")
  direct_url = regexreplace(getenv("DATABASE_DIRECT_URL"), "channel_binding=[a-z]+&?", "")
}

# Changes that may lose data are skipped. Tables, indexes and foreign keys that schema.sql
# doesn't have belong to others, such as Better Auth, and are never dropped.
diff {
  skip {
    drop_schema      = true
    modify_schema    = true
    drop_table       = true
    drop_index       = true
    drop_foreign_key = true
    drop_column      = !var.allow_destructive
    # The command can't skip only changes of types.
    modify_column = !var.allow_destructive
  }
}

env "local" {
  src     = "file://schema.sql"
  url     = local.url
  dev     = getenv("ATLAS_DEV_URL")
  schemas = ["public"]
}

env "neon" {
  src     = "file://schema.sql"
  url     = local.direct_url != "" ? local.direct_url : local.url
  dev     = getenv("ATLAS_DEV_URL")
  schemas = ["public"]
}

# For --dry-run or --auto-approve, since nobody can approve. The output is JSON.
env "ci" {
  src     = "file://schema.sql"
  url     = local.url
  dev     = getenv("ATLAS_DEV_URL")
  schemas = ["public"]
  format {
    schema {
      apply = "{{ json . }}\n"
    }
  }
}
