import { describe, expect, it } from 'vitest'
import { changed, problemsOf } from './write-config.ts'

describe('a problem of a match stands with its line, column and path', () => {
  const cases: [what: string, passage: string, replacement: string, problem: string][] = [
    [
      'an unknown key inside the match model',
      '    single:',
      '    treshold: 3\n    single:',
      '45:5 matches.user_match.treshold: unknown key; did you mean "threshold"?',
    ],
    [
      'the name of a match that is none',
      '  user_match:',
      '  user-match:',
      '25:3 matches.user-match: must be a lower-case name: letters, digits and _, not beginning with a digit',
    ],
    [
      'a match called like a stream',
      '  user_match:',
      '  vendor_user:',
      '25:3 matches.vendor_user: this name is already taken by sources.vendor.as',
    ],
    [
      'a stream that no source feeds',
      'stream: internal_user',
      'stream: internal_usr',
      '27:15 matches.user_match.left.stream: no source feeds this stream; did you mean "internal_user"?',
    ],
    [
      'a joined stream that no source feeds',
      '{ internal_practice: practice_id = id }',
      '{ internal_practise: practice_id = id }',
      '29:15 matches.user_match.left.join.internal_practise: no source feeds this stream; did you mean "internal_practice"?',
    ],
    [
      'a join that is none',
      'practice_id = id }',
      'practice_id }',
      '29:34 matches.user_match.left.join.internal_practice: must be `own column = column of the joined stream`',
    ],
    [
      'a column that the stream lacks',
      'location: place',
      'location: plac',
      '43:19 matches.user_match.right.fields.location: the stream has no such column; did you mean "place"?',
    ],
    [
      'a stream that is not joined',
      'internal_practice.location',
      'vendor_user.location',
      '34:19 matches.user_match.left.fields.location: this stream is not joined; known are internal_user, internal_practice',
    ],
    [
      'a single field that is none',
      'single: [specialty, location]',
      'single: [specialty, locations]',
      '45:25 matches.user_match.single[1]: must be a field of both sides; the left one does not have it; did you mean "location"?',
    ],
    [
      'an activity field of one side only',
      '        last_active_date: last_active_date\n    single',
      '    single',
      '45:25 matches.user_match.activity.column: must be a field of both sides; the right one does not have it; known are first_name, last_name, specialty, location',
    ],
    [
      'equal prefixes',
      'prefix: vendor',
      'prefix: internal',
      '38:15 matches.user_match.right.prefix: must differ from the prefix of the left side',
    ],
    [
      'a compared field that is none',
      '    single',
      '    compare: { first_name: given-name, last_nam: surname }\n    block: [[first_name]]\n    single',
      '45:40 matches.user_match.compare.last_nam: must be a field of both sides; the left one does not have it; did you mean "last_name"?',
    ],
    [
      'a blocking part that is no field',
      '    single',
      '    block: [[last_name, frist_name]]\n    single',
      '45:25 matches.user_match.block[0][1]: must be a field of both sides; the left one does not have it; did you mean "first_name"?',
    ],
    [
      'a field that the shipped model needs',
      '        location: place\n',
      '',
      '25:3 matches.user_match: needs block, or the fields of the shipped model on both sides; not there: location',
    ],
    [
      'a review above the threshold',
      '    single',
      '    review: 5\n    threshold: 3\n    single',
      '45:13 matches.user_match.review: must not be above threshold',
    ],
  ]

  it('one problem for one compared field where the shipped block needs more, and none about lines that are not there', () => {
    const problems = problemsOf(changed('    single', '    compare: { last_name: surname }\n    single'))
    expect(problems).toEqual([
      expect.stringContaining(
        '45:5 matches.user_match.compare: takes the place of the whole shipped compare, and the shipped block needs these fields, too: first_name, location, specialty; compare them, or set block',
      ),
    ])
    const own = '    compare: { last_name: surname }\n    block: [[last_name]]\n    single'
    expect(problemsOf(changed('    single', own))).toEqual([])
  })

  it('a kind that the shipped block cannot take stands at the compared field, once', () => {
    const compare =
      '    compare: { first_name: category, last_name: surname, location: place, specialty: category }\n    single'
    const problems = problemsOf(changed('    single', compare))
    expect(problems).not.toContainEqual(expect.stringContaining('user_match.block'))
    expect(problems).toContainEqual(
      expect.stringContaining(
        '45:28 matches.user_match.compare.first_name: the shipped block takes first_name.nickname, but a category has no .nickname',
      ),
    )
    expect(new Set(problems).size).toBe(problems.length)
  })

  it.each(cases)('%s', (_what, passage, replacement, problem) => {
    expect(problemsOf(changed(passage, replacement))).toContainEqual(expect.stringContaining(problem))
  })
})
