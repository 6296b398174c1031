package todo

import (
	"errors"
	"strings"
	"unicode/utf8"
)

// maxUserIDLength is how many characters of a user id the store can hold.
const maxUserIDLength = 255

// UserID names an owner of todos: the subject that the login system gave them.
// Its only source is [ParseUserID], so a string can't become an owner by
// conversion or by accident.
type UserID struct{ subject string }

// ParseUserID makes a UserID of a token's subject. It fails when the subject
// is blank, longer than 255 characters, or contains NUL.
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
