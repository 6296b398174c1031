package database

import (
	"maps"
	"time"
)

// cooldown is how long nothing is batched after a batch was late, and how long an
// owner's writes run alone after one of them held up others. Short enough that batching
// is soon back after a hiccup, and long enough that the next wait for the same lock
// costs the others a tenth of their time at most.
const cooldown = time.Second

// cooldowns say whose statements run alone for now. Its lane guards it.
type cooldowns struct {
	allUntil time.Time
	owners   map[string]*ownerCooldown
}

// ownerCooldown lasts until its time has come and none of the owner's statements runs
// alone any more: such a one may still wait for the lock that was in the way.
type ownerCooldown struct {
	until   time.Time
	running int
}

// include reports whether a statement of an owner's has to run alone.
func (c *cooldowns) include(owner string, now time.Time) bool {
	mine := c.owners[owner]
	return now.Before(c.allUntil) || mine != nil && mine.lasts(now)
}

func (o *ownerCooldown) lasts(now time.Time) bool { return o.running > 0 || now.Before(o.until) }

// start begins the cooldown of an owner.
func (c *cooldowns) start(owner string, now time.Time) {
	maps.DeleteFunc(c.owners, func(_ string, other *ownerCooldown) bool { return !other.lasts(now) })
	c.of(owner).until = now.Add(cooldown)
}

// of returns the cooldown of an owner, which may not have begun.
func (c *cooldowns) of(owner string) *ownerCooldown {
	mine := c.owners[owner]
	if mine == nil {
		mine = new(ownerCooldown)
		c.owners[owner] = mine
	}
	return mine
}

// enter counts a statement that runs alone, if its owner has a cooldown. Leave then has
// to be called when it has ended: isSlow says that it would have held up others.
func (c *cooldowns) enter(owner string) (leave func(isSlow bool, now time.Time)) {
	mine := c.owners[owner]
	if mine == nil {
		return func(bool, time.Time) {}
	}
	mine.running++
	return func(isSlow bool, now time.Time) {
		mine.running--
		if isSlow {
			mine.until = now.Add(cooldown)
		}
	}
}

// hold has an owner's statements run alone until release is called.
func (c *cooldowns) hold(owner string) (release func(now time.Time)) {
	mine := c.of(owner)
	mine.running++
	return func(now time.Time) {
		mine.running--
		if !mine.lasts(now) {
			delete(c.owners, owner)
		}
	}
}
