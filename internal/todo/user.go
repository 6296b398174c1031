package todo

import (
	"errors"
	"strings"
	"unicode/utf8"
)

// maxUserIDLength is the length of the column for user ids, in characters.
const maxUserIDLength = 255

// UserID identifies an owner of todos by the subject of their tokens. Only
// [ParseUserID] makes one, so a string can't become an owner by conversion or by
// accident.
type UserID struct{ subject string }

// ParseUserID makes a UserID from a token's subject. It fails when the subject is
// blank, longer than 255 characters, or contains NUL.
func ParseUserID(subject string) (UserID, error) {
	switch {
	case strings.TrimSpace(subject) == "":
		return UserID{}, errors.New("todo: user id is blank")
	case utf8.RuneCountInString(subject) > maxUserIDLength:
		return UserID{}, errors.New("todo: user id is longer than 255 characters")
	case strings.ContainsRune(subject, 0):
		return UserID{}, errors.New("todo: user id contains NUL")
	}
	return UserID{subject: subject}, nil
}

// String returns the subject that the UserID was made of.
func (u UserID) String() string { return u.subject }
