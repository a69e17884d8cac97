// Starts the connector; the host talks to it over the standard streams.
import { serve } from 'cloned/connector'
import { connector } from './connector.js'

serve(connector)
