# The environments of the atlas command, which plans and applies schema.sql as
# `todod migrate` does:
#
#   go tool -modfile=tools/atlas.mod atlas schema apply --env neon
#
# prints the plan and asks before it applies it. All environments take
#
#   DATABASE_URL         the database; neon prefers DATABASE_DIRECT_URL
#   ATLAS_DEV_URL        an empty database that the plan is worked out in
#
# `make migrate-plan` prints the plan of a database and brings the second one.
# The command knows less than `todod migrate`: it takes no lock, plans to drop
# enum types that schema.sql doesn't have and checks that others made, doesn't see
# that a check has changed when it kept its name, and has new checks look at all
# rows at once.

variable "allow_destructive" {
  type    = bool
  default = false
}

locals {
  # The command's driver doesn't know channel_binding, which Neon's URLs have.
  url        = regexreplace(getenv("DATABASE_URL"), "channel_binding=[a-z]+&?", "")
  direct_url = regexreplace(getenv("DATABASE_DIRECT_URL"), "channel_binding=[a-z]+&?", "")
}

# What may lose data is left out. All tables, indexes and foreign keys that
# schema.sql doesn't have belong to others, such as Better Auth, and are never
# dropped.
diff {
  skip {
    drop_schema      = true
    modify_schema    = true
    drop_table       = true
    drop_index       = true
    drop_foreign_key = true
    drop_column      = !var.allow_destructive
    # The command can't skip changes of types alone.
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

# For --dry-run or --auto-approve, since nobody is there to ask: JSON.
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
