/**
 * Cities that needles are named after. The first 69 are those of LWM's list, which has 100 lines and names many cities two
 * or three times (two needles of one city are one needle); the rest fills it up to 102. The last of them are held out from
 * training, so that a name that was only ever read in a haystack can be told from one that was learned.
 * @module
 */

/** Names of cities, all of them different, and none a part of another. */
export const cities: ReadonlyArray<string> = (
  "Chicago, Yangon, Antananarivo, Colombo, Almaty, Sydney, Mexico City, Seattle, Lagos, Amsterdam, Belgrade, Cairo, " +
  "Baghdad, Damascus, Kigali, Dakar, Sofia, Victoria, Tashkent, Mumbai, Barcelona, Amman, Toronto, Bratislava, " +
  "Johannesburg, Thimphu, Bangkok, Santiago, San Francisco, Paris, Rabat, Copenhagen, Madrid, Ho Chi Minh City, " +
  "Sarajevo, Delhi, Istanbul, Khartoum, Helsinki, Doha, Kuala Lumpur, Budapest, Shanghai, Moscow, Los Angeles, Oslo, " +
  "Berlin, Bangalore, Tokyo, Melbourne, Port Louis, Lisbon, Nairobi, Kampala, Lima, Maputo, Vancouver, Dubai, Jakarta, " +
  "Yerevan, Beirut, Athens, Bucharest, Brussels, Tunis, Astana, Seoul, Buenos Aires, Vienna, " +
  "Rome, London, New York, Beijing, Prague, Warsaw, Dublin, Lusaka, Harare, Manila, Hanoi, Havana, Montreal, Boston, " +
  "Stockholm, Zurich, Milan, Naples, Munich, Hamburg, Osaka, Kyoto, Singapore, Karachi, Tehran, Riyadh, Algiers, Accra, " +
  "Bogota, Caracas, Montevideo, Auckland, Reykjavik"
).split(", ")

/** Cities that are in training, and the last `held` ones, which are not. */
export const divideCities = (
  held: number,
): { readonly trained: ReadonlyArray<string>; readonly heldOut: ReadonlyArray<string> } => ({
  trained: cities.slice(0, cities.length - held),
  heldOut: cities.slice(cities.length - held),
})

/** How many are held out where nobody says another number. */
export const heldByDefault = 32
