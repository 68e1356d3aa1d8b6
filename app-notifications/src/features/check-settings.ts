import { ConfigError, type Route } from '@feira/chassis'
import { developmentDefaults, type Config } from '../config.ts'

const problem = 'is missing; its default is for development and refused with NODE_ENV=production'

/** Before the service listens: in production nobody writes to customers from an address of the documentation. */
export const checkSettings: Route<Config> = (app, { config }) => {
  app.addHook('onReady', async () => {
    if (config.NODE_ENV !== 'production') return
    const names = (Object.keys(developmentDefaults) as (keyof typeof developmentDefaults)[]).filter(
      name => config[name] === developmentDefaults[name],
    )
    if (names.length > 0) throw new ConfigError('app-notifications', new Map(names.map(name => [name, problem])))
  })
}
