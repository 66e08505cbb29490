/** What a verb that is over soon is started without: V8’s compilers. */

const OFF = '--max-opt=0'

/** From here on there is work that is worth compiling, in threads of this process too. */
export const optimise = (): void => {
  if (!process.execArgv.includes(OFF)) return
  const { setFlagsFromString } = process.getBuiltinModule('node:v8')
  for (const flag of ['--max-opt=999', '--sparkplug', '--maglev', '--turbofan']) setFlagsFromString(flag)
}
