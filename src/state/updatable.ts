/**
 * Storage of tables whose rows are updated in place: the new version of a row finds room on the page of the old one, and
 * no index has to be told. Full pages cost an entry in every index for each update.
 */
export const updatable = 'with (fillfactor = 85)'
