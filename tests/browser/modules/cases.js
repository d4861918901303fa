// What Python says, for the tests to compare with: a module for each subject, in the folder CASES.

/** The cases of some subjects, by their names. */
export async function casesOf(...names) {
  const load = async (name) => [name, (await import(`${process.env.CASES}/${name}.mjs`)).default];
  return Object.fromEntries(await Promise.all(names.map(load)));
}
