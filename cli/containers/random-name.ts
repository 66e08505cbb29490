/** Names for containers that got none: `steady_cook`, `brave_zheng`. People of the sea, because a wherry is a boat. */
import { randomBytes } from '../../runtime/sys/random.ts'

const ADJECTIVES = `able agile amiable awake bold brave breezy bright brisk calm candid careful cheerful clear clever cosy crisp curious
daring dashing deft eager early easy elegant epic fair fearless festive fine firm fluent fond frank fresh friendly frosty gallant generous
gentle gifted glad golden good grand happy hardy hearty helpful honest hopeful humble idle jolly jovial keen kind laughing lively loyal
lucid lucky mellow merry mighty modest musing neat nimble noble patient peaceful plucky polite proud quick quiet quirky ready relaxed
serene sharp silent silver sleepy smart snug sober steady still stoic sturdy sunny sure swift tender thirsty tidy trusting upbeat vibrant
vigilant warm wise witty wonderful young zealous`.split(/\s+/)

const SURNAMES =
  `alvares amundsen anson baffin banks barents bass battuta bering binnacle blackwall blyth bonny borough bougainville bowditch
brunel byron cabot cabral cano cartier champlain chichester cochrane columbus cook cousteau cutty dampier darwin davis diaz drake earhart
elcano eriksson fiennes fisher fitzroy flinders franklin frobisher fuchs gama gilbert grenville hakluyt halley hanno harrison heemskerk
heyerdahl himilco hooke hornblower houtman hudson humboldt hurley ibnmajid jansz joyon jutson kelvin knox laperouse lightoller lisle loire
macarthur mackenzie magellan malaspina maury mawson mercator moitessier morison nansen nares necho nelson nobile nordenskiold orellana parry
peary pinzon plancius polo pytheas quiros raleigh rennell ross sarmiento scott selkirk shackleton slocum smeaton speke spilbergen sverdrup
tasman tereshkova torres tupaia vancouver verrazzano vespucci vitus waghenaer wallis weddell wilkes worsley zheng`.split(/\s+/)

const pick = (words: readonly string[]): string => words[randomBytes(4).readUInt32LE() % words.length]!

/** @param attempt of this creation: from the fourth on a number is added, in case most names are taken. */
export const randomName = (attempt = 0): string =>
  `${pick(ADJECTIVES)}_${pick(SURNAMES)}${attempt < 3 ? '' : randomBytes(4).readUInt32LE() % 1000}`
